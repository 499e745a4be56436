package order

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

func TestNotesComeApartAsTheyWereJoined(t *testing.T) {
	reason := "2026-11-02T12:00:00Z PROCESSING: packing\nwith care"
	for _, notes := range []string{"", "ring twice", "two\nlines\n", "\n", "벨을 두 번", reason} {
		for _, reasons := range []string{"", reason, reason + "\n2026-11-02T13:00:00Z CANCELLED: x"} {
			o := &Order{Notes: notes, Reasons: reasons}
			if n, r := SplitNotes(o.AllNotes(), len(notes)); n != notes || r != reasons {
				t.Errorf("%q and %q became %q and %q", notes, reasons, n, r)
			}
			if notes == reason {
				continue // looks like one of ours, which only the length tells apart
			}
			if n, r := SplitNotes(o.AllNotes(), -1); n != notes || r != reasons {
				t.Errorf("without the length %q and %q became %q and %q", notes, reasons, n, r)
			}
		}
	}
}

func TestUpdateReplacesTheCustomersNotesAndKeepsTheReasons(t *testing.T) {
	h := paid(t)
	h.must(t)(UpdateStatus(h.Order, Processing, Shipment{}, "packing", noon))
	address, notes := "1 Main Street", "ring once"
	later := noon.Add(time.Minute)
	h.must(t)(Update(h.Order, Changes{Notes: &notes, ShippingAddress: &address}, later))
	if want := "ring once\n2026-11-02T12:00:00Z PROCESSING: packing"; h.AllNotes() != want || h.ShippingAddress != address || !h.UpdatedAt.Equal(later) {
		t.Errorf("notes %q, address %q, at %s", h.AllNotes(), h.ShippingAddress, h.UpdatedAt)
	}
	want := &orderv1.OrderUpdated{OrderID: "o1", Notes: &notes, ShippingAddress: &address, OccurredAt: later}
	if got := h.events[len(h.events)-1]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	none := ""
	h.must(t)(Update(h.Order, Changes{Notes: &none}, later))
	if want := "2026-11-02T12:00:00Z PROCESSING: packing"; h.AllNotes() != want || h.ShippingAddress != address {
		t.Errorf("notes %q, address %q", h.AllNotes(), h.ShippingAddress)
	}
	cancelledByCustomer(t, h)
	if want := "2026-11-02T12:00:00Z PROCESSING: packing\n2026-11-02T12:00:00Z CANCELLED: changed my mind"; h.AllNotes() != want {
		t.Errorf("notes %q", h.AllNotes())
	}
}

func TestAnUpdateThatChangesNothingIsNoEvent(t *testing.T) {
	h := placed(t)
	same, none := "ring twice", ""
	for _, changes := range []Changes{{}, {Notes: &same}, {Notes: &same, ShippingAddress: &none, BillingAddress: &none}} {
		if events, err := Update(h.Order, changes, noon); err != nil || len(events) != 0 {
			t.Errorf("%v, %v", events, err)
		}
	}
}

func TestOrdersAreUpdatedBeforeShippingOnly(t *testing.T) {
	notes := "new"
	updatable := map[Status]bool{Pending: true, Confirmed: true, Paid: true, Processing: true}
	for _, status := range statuses {
		events, err := Update(&Order{ID: "o1", Status: status}, Changes{Notes: &notes}, noon)
		var refused *errs.Error
		switch {
		case updatable[status]:
			if err != nil || len(events) != 1 {
				t.Errorf("%s: %v, %v", status, events, err)
			}
		case !errors.As(err, &refused) || refused.Code != errs.FailedPrecondition || refused.Reason != "ORDER_NOT_UPDATABLE" ||
			refused.Metadata["status"] != string(status) || !strings.Contains(refused.Message, string(status)):
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestLongNotesAreRefused(t *testing.T) {
	h := placed(t)
	fits, long := strings.Repeat("ä", MaxNotes), strings.Repeat("ä", MaxNotes+1)
	if _, err := Update(h.Order, Changes{Notes: &fits}, noon); err != nil {
		t.Error(err)
	}
	_, err := Update(h.Order, Changes{Notes: &long}, noon)
	var refused *errs.Error
	if !errors.As(err, &refused) || refused.Code != errs.InvalidArgument || refused.Fields[0].Name != "order.notes" {
		t.Error(err)
	}
}
