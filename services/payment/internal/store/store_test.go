package store_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// What is written is what is read, in every column.
func TestRoundTrip(t *testing.T) {
	each(t, func(f *fixture) {
		var written *payment.Payment
		f.captured("o1")
		f.requestRefund("o1", "r1", 250)
		f.settle("o1", payment.Succeeded)
		f.requestRefund("o1", "r2", 9999)
		f.requestRefund("o1", "r3", 1000)
		f.settle("o1", payment.Unknown)
		sqldbtest.Tx(t, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
			w := f.store.Begin(tx)
			if err := w.Load(ctx, "o1"); err != nil {
				return err
			}
			written = w.Payment("o1")
			written.Token, written.FailureCode, written.FailureReason = "tok", "code", "reason"
			written.BlockedCode, written.BlockedReason, written.CaptureAmount = "blocked", "why", 7
			written.AskedBy, written.TraceParent = "event", "trace"
			written.UpdatedAt = w.Now()
			if err := w.Record(written, store.Cause{}); err != nil {
				return err
			}
			return w.Flush(ctx)
		})
		read := f.get("o1")
		if !reflect.DeepEqual(read, written) {
			t.Errorf("read    %+v\nwritten %+v", read, written)
		}
		value := reflect.ValueOf(*read)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("the test leaves %s empty", value.Type().Field(i).Name)
			}
		}
		if len(read.Refunds) != 3 || read.Refunds[2].Status != payment.RefundRequested || !read.InDoubt || read.Tries != 1 {
			t.Errorf("%+v", read)
		}
		byID, err := store.Get(t.Context(), f.db, "pay-o1")
		if err != nil || !reflect.DeepEqual(byID, read) {
			t.Errorf("%+v, %v", byID, err)
		}
	})
}

func TestUnknownPayments(t *testing.T) {
	each(t, func(f *fixture) {
		if p, err := store.GetByOrder(t.Context(), f.db, "o9"); p != nil || err != nil {
			t.Errorf("%v, %v", p, err)
		}
		_, err := store.Get(t.Context(), f.db, "pay-o9")
		if e := errs.From(err); e.Code != errs.NotFound || e.Reason != "PAYMENT_NOT_FOUND" {
			t.Errorf("%v", err)
		}
	})
}

// A batch of many payments is one unit of work.
func TestWorkOnMany(t *testing.T) {
	each(t, func(f *fixture) {
		const n = 700
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("o%04d", i)
		}
		step := func(change func(p *payment.Payment, w *store.Work) ([]payment.Event, error)) {
			t.Helper()
			sqldbtest.Tx(t, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
				w := f.store.Begin(tx)
				if err := w.Load(ctx, ids...); err != nil {
					return err
				}
				for _, id := range ids {
					events, err := change(w.Payment(id), w)
					if err != nil {
						return err
					}
					if err := w.Record(w.Payment(id), store.Cause{}, events...); err != nil {
						return err
					}
				}
				if len(w.Changed()) != n {
					return fmt.Errorf("%d changed", len(w.Changed()))
				}
				return w.Flush(ctx)
			})
		}
		step(func(p *payment.Payment, w *store.Work) ([]payment.Event, error) {
			return nil, payment.Request(p, outbox.NewID(), &orderv1.PaymentRequested{OrderID: p.OrderID, Amount: 100, Currency: "KRW"}, w.Now())
		})
		step(func(p *payment.Payment, w *store.Work) ([]payment.Event, error) {
			op, _ := p.Next()
			return payment.Settle(p, op, payment.Outcome{Result: payment.Succeeded, Reference: "r", Amount: 100}, w.Now())
		})
		count, err := store.Count(t.Context(), f.db, store.Filter{Status: payment.Authorized})
		if err != nil || count != n {
			t.Errorf("%d authorised, %v", count, err)
		}
		if broken := f.violations(); len(broken) > 0 {
			t.Error(broken)
		}
	})
}

func TestEventsNameTheirCauseAndAreNumbered(t *testing.T) {
	each(t, func(f *fixture) {
		f.captured("o1")
		log, err := outbox.Log(t.Context(), f.db, schemas.PaymentEvents, "o1")
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for i, row := range log {
			if row.Sequence != int64(i+1) || row.CorrelationID != "o1" || row.CausationID != "cause" || row.TraceParent != "trace" {
				t.Errorf("%+v", row)
			}
			types = append(types, row.Type[strings.LastIndex(row.Type, ".")+1:])
		}
		if want := []string{"PaymentAuthorized", "PaymentCaptured"}; !slices.Equal(types, want) {
			t.Errorf("%v", types)
		}
		entries, _, err := store.ListLedger(t.Context(), f.db, store.LedgerFilter{Limit: 100})
		if err != nil || len(entries) != 4 || entries[0].JournalID != log[1].EventID || entries[3].JournalID != log[0].EventID {
			t.Errorf("a journal has its event's id: %+v, %v", entries, err)
		}
	})
}

func TestLedger(t *testing.T) {
	each(t, func(f *fixture) {
		f.captured("o1")
		f.requestRefund("o1", "r1", 250)
		f.settle("o1", payment.Succeeded)
		f.request("o2")
		f.settle("o2", payment.Succeeded)
		f.cancel("o2")
		f.settle("o2", payment.Succeeded)
		f.cancel("o3") // a tombstone moves nothing
		f.request("o4")
		f.settle("o4", payment.Refused)

		booked := func(orderID string) string {
			t.Helper()
			entries, total, err := store.ListLedger(t.Context(), f.db, store.LedgerFilter{OrderID: orderID, Limit: 100})
			if err != nil || int64(len(entries)) != total {
				t.Fatalf("%d of %d, %v", len(entries), total, err)
			}
			slices.Reverse(entries) // newest first
			var lines []string
			for _, e := range entries {
				if e.PaymentID != "pay-"+orderID || e.OrderID != orderID || e.Currency != "KRW" || e.OccurredAt.IsZero() {
					t.Errorf("%+v", e)
				}
				lines = append(lines, fmt.Sprintf("%s %s %d", e.Operation, e.Account, e.Amount))
			}
			return strings.Join(lines, ", ")
		}
		for orderID, want := range map[string]string{
			"o1": "AUTHORIZATION customer -2250, AUTHORIZATION holds 2250, CAPTURE holds -2250, CAPTURE merchant 2250, REFUND merchant -250, REFUND customer 250",
			"o2": "AUTHORIZATION customer -2250, AUTHORIZATION holds 2250, VOID holds -2250, VOID customer 2250",
			"o3": "", "o4": "",
		} {
			if got := booked(orderID); got != want {
				t.Errorf("%s: %s", orderID, got)
			}
		}
		if broken := f.violations(); len(broken) > 0 {
			t.Error(broken)
		}
	})
}

func TestLedgerPages(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 3 {
			f.captured(fmt.Sprint("o", i))
		}
		var seen []string
		filter := store.LedgerFilter{Limit: 5}
		for {
			page, total, err := store.ListLedger(t.Context(), f.db, filter)
			if err != nil || total != 12 {
				t.Fatalf("%d, %v", total, err)
			}
			for _, e := range page {
				seen = append(seen, e.ID)
			}
			if len(page) < filter.Limit {
				break
			}
			filter.Before = page[len(page)-1].ID
		}
		if len(seen) != 12 || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) || len(slices.Compact(seen)) != 12 {
			t.Errorf("%v", seen)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 5 {
			f.request(fmt.Sprint("o", i))
		}
		f.captured("paid")
		f.requestRefund("paid", "r1", 1)
		list := func(filter store.Filter) (ids []string) {
			t.Helper()
			page, err := store.List(t.Context(), f.db, filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				ids = append(ids, p.OrderID)
			}
			return ids
		}
		if got := list(store.Filter{Limit: 3}); !slices.Equal(got, []string{"paid", "o4", "o3"}) {
			t.Errorf("first page %v", got)
		}
		last := f.get("o3")
		if got := list(store.Filter{Limit: 3, After: &store.Position{At: last.CreatedAt, OrderID: last.OrderID}}); !slices.Equal(got, []string{"o2", "o1", "o0"}) {
			t.Errorf("second page %v", got)
		}
		if got := list(store.Filter{Limit: 9, Status: payment.Captured}); !slices.Equal(got, []string{"paid"}) {
			t.Errorf("captured %v", got)
		}
		if got := list(store.Filter{Limit: 9, OrderID: "o2"}); !slices.Equal(got, []string{"o2"}) {
			t.Errorf("of an order %v", got)
		}
		page, err := store.List(t.Context(), f.db, store.Filter{Limit: 1})
		if err != nil || len(page[0].Refunds) != 1 {
			t.Errorf("%+v, %v", page[0], err)
		}
		for filter, want := range map[store.Filter]int64{{}: 6, {Status: payment.Pending}: 5, {Status: payment.Voided}: 0, {OrderID: "o2", Status: payment.Captured}: 0} {
			if n, err := store.Count(t.Context(), f.db, filter); n != want || err != nil {
				t.Errorf("%+v: %d, %v", filter, n, err)
			}
		}
		if all, err := store.All(t.Context(), f.db); err != nil || len(all) != 6 {
			t.Errorf("%d, %v", len(all), err)
		}
	})
}

// The database refuses amounts that can't be.
func TestConstraints(t *testing.T) {
	each(t, func(f *fixture) {
		f.captured("o1")
		for _, change := range []string{"captured = 2251", "voided = 1", "refunded = 2251", "refunded = -1", "captured = -1"} {
			if _, err := f.db.ExecContext(t.Context(), "UPDATE payments SET "+change); err == nil {
				t.Errorf("%s is stored", change)
			}
		}
	})
}
