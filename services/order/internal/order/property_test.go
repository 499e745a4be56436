package order

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow.example/schemas/orderv1"
)

// Any interleaving of commands, foreign events (late, doubled, impossible ones too) and time limits leaves an order that
// is the fold of its events, whose statuses moved only as their tables allow, and whose refunds never exceed its total.
func TestAnyHistoryKeepsTheRules(t *testing.T) {
	names := make([]string, 0, len(incoming))
	for name := range incoming {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(rt *rapid.T) {
		h := placed(rt)
		now := noon
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 240).Draw(rt, "seconds")) * time.Second)
			before := clone(h.Order)
			h.record(rt, drawEvents(rt, h.Order, names, now)...)
			checkStep(rt, before, h.Order)
		}
		folded := New(placement())
		for _, e := range h.events {
			if err := folded.Apply(e); err != nil {
				rt.Fatal(err)
			}
		}
		if !reflect.DeepEqual(folded, h.Order) {
			rt.Fatalf("fold %+v\nstate %+v", folded, h.Order)
		}
	})
}

func drawEvents(rt *rapid.T, o *Order, names []string, now time.Time) []Event {
	var events []Event
	var err error
	switch rapid.SampledFrom([]string{"event", "event", "event", "event", "cancel", "move", "refund", "limit", "update"}).Draw(rt, "kind") {
	case "event":
		return React(o, incoming[rapid.SampledFrom(names).Draw(rt, "event")], now)
	case "limit":
		return PassLimit(o, now.Add(-2*time.Minute), now)
	case "cancel":
		if rapid.IntRange(0, 5).Draw(rt, "seldom") == 0 {
			events, err = Cancel(o, orderv1.CancellationCauseCustomerRequest, "", now)
		}
	case "update":
		text := rapid.SampledFrom([]string{"", "ring once", "at the back\n"}).Draw(rt, "text")
		events, err = Update(o, Changes{Notes: &text, BillingAddress: &text}, now)
	case "move":
		events, err = UpdateStatus(o, rapid.SampledFrom(statuses).Draw(rt, "next"), Shipment{}, "", now)
	case "refund":
		amount := int64(rapid.IntRange(-1, 2300).Draw(rt, "amount"))
		id := []string{"r1", "r2", "r3", "r4"}[min(len(o.Refunds), 3)]
		if o.refund(id) == nil {
			events, err = RequestRefund(o, id, &amount, "", now)
		}
	}
	if err != nil {
		return nil // a refusal changes nothing; which ones are right is for the table tests
	}
	return events
}

func checkStep(rt *rapid.T, before, o *Order) {
	if before.Status != o.Status && !before.Status.CanBecome(o.Status) {
		rt.Fatalf("moved from %s to %s", before.Status, o.Status)
	}
	if before.PaymentStatus != o.PaymentStatus && !before.PaymentStatus.CanBecome(o.PaymentStatus) {
		rt.Fatalf("payment moved from %s to %s", before.PaymentStatus, o.PaymentStatus)
	}
	var open, completed int64
	for _, r := range o.Refunds {
		switch r.Status {
		case RefundRequested:
			open += r.Amount
		case RefundCompleted:
			completed += r.Amount
		}
	}
	if open+completed > o.Total || o.RefundedTotal != completed {
		rt.Fatalf("refunds: %d asked for, %d paid, %d noted, total %d", open, completed, o.RefundedTotal, o.Total)
	}
	if (o.Step == ReserveStock) != (o.PaymentToken == "tok_ok") {
		rt.Fatalf("in step %q the payment token is %q", o.Step, o.PaymentToken)
	}
	if (o.Step == "") != o.StepSince.IsZero() {
		rt.Fatalf("step %q since %s", o.Step, o.StepSince)
	}
	waits := (o.Status == Pending || o.Status == Confirmed) || open > 0 || (o.Status == Cancelled && !o.PaymentStatus.Settled())
	if waits != (o.Step != "") {
		rt.Fatalf("%s, %s, %d in open refunds, step %q", o.Status, o.PaymentStatus, open, o.Step)
	}
}
