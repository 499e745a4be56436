package store_test

import (
	"context"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas/paymentv1"
)

// command makes a person's change of an order.
func (f *fixture) command(id string, decide func(o *order.Order, w *store.Work) ([]order.Event, error)) {
	f.Helper()
	f.work(func(ctx context.Context, w *store.Work) error {
		if err := w.Load(ctx, store.AnyOwner, id); err != nil {
			return err
		}
		events, err := decide(w.Order(id), w)
		if err != nil {
			return err
		}
		return w.Record(w.Order(id), store.Cause{}, events...)
	})
}

func (f *fixture) ship(id string) {
	f.Helper()
	for _, next := range []order.Status{order.Processing, order.Shipped} {
		f.command(id, func(o *order.Order, w *store.Work) ([]order.Event, error) {
			return order.UpdateStatus(o, next, order.Shipment{}, "", w.Now())
		})
	}
}

// total sums the days up.
func (f *fixture) total(owner string) (total order.Figures) {
	f.Helper()
	days, err := store.Summary(f.Context(), f.db, store.SummaryFilter{Owner: owner, Currency: "KRW"})
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range days {
		total = total.Plus(d.Figures)
	}
	return total
}

func (f *fixture) summaryViolations() []string {
	f.Helper()
	result, err := store.SummaryAgrees(f.Context(), f.db)
	if err != nil {
		f.Fatal(err)
	}
	return result.Violations
}

func TestSummaryFollowsEveryChange(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 4 {
			f.place(fmt.Sprintf("o%d", i), "u1", 2)
		}
		f.place("other", "u2", 1)
		f.react("o1", untilPaid("o1")...)
		f.react("o2", untilPaid("o2")...)
		f.react("o3", untilPaid("o3")...)
		f.command("o3", func(o *order.Order, w *store.Work) ([]order.Event, error) {
			return order.Cancel(o, "STAFF_REQUEST", "gone", w.Now())
		})
		f.ship("o2")
		amount, refund := int64(500), "r1"
		f.command("o2", func(o *order.Order, w *store.Work) ([]order.Event, error) {
			return order.RequestRefund(o, refund, &amount, "a scratch", w.Now())
		})
		f.react("o2", &paymentv1.PaymentRefunded{OrderID: "o2", PaymentID: "pay", RefundID: &refund})
		want := order.Figures{Pending: 1, Active: 2, Cancelled: 1, PaidTotal: 4000, Revenue: 3500}
		if got := f.total("u1"); got != want {
			f.Errorf("u1: %+v, want %+v", got, want)
		}
		want.Pending++
		if got := f.total(store.AnyOwner); got != want {
			f.Errorf("everybody: %+v, want %+v", got, want)
		}
		if got := f.total("u3"); got != (order.Figures{}) {
			f.Errorf("nobody: %+v", got)
		}
		if found := f.summaryViolations(); len(found) != 0 {
			f.Error(found)
		}
	})
}

// Units of work of many orders of the same customers, at the same time and in any order, add up.
func TestSummaryOfChangesAtOnce(t *testing.T) {
	each(t, func(f *fixture) {
		const workers, users = 8, 5
		var all sync.WaitGroup
		var runs atomic.Int64
		for worker := range workers {
			all.Go(func() {
				for round := range 5 {
					err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
						runs.Add(1)
						w := f.store.Begin(tx)
						for i := range users {
							user := (i*(worker+1) + worker) % users // each worker in an order of its own
							n := worker<<16 | round<<8 | i
							event, err := order.Place(order.Placement{
								ID: fmt.Sprint("o", n), UserID: fmt.Sprint("u", user), Nonce: uint32(n), Items: []order.Line{{ProductID: "p1", Quantity: 1}},
							}, products, tx.Now())
							if err != nil {
								return err
							}
							if err := w.Record(&order.Order{}, store.Cause{}, event); err != nil {
								return err
							}
						}
						return w.Flush(ctx)
					})
					if err != nil {
						f.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := runs.Load(); n != workers*5 {
			f.Errorf("%d runs: some met in a circle", n)
		}
		if got := f.total(store.AnyOwner); got.Pending != workers*users*5 {
			f.Errorf("%+v", got)
		}
		if found := f.summaryViolations(); len(found) != 0 {
			f.Error(found)
		}
	})
}

func TestWhatTheSummaryDoesNotHoldIsFoundAndRebuilt(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 1)
		f.place("o2", "u2", 1)
		f.react("o2", untilPaid("o2")...)
		right := f.total(store.AnyOwner)
		for statement, user := range map[string]string{
			"UPDATE order_summary SET revenue = revenue + 1 WHERE user_id = 'u2'":    "u2",
			"DELETE FROM order_summary WHERE user_id = 'u1'":                         "u1",
			"INSERT INTO order_summary VALUES ('u3', 'KRW', 0, 1, 0, 0, 0, 0, 0, 0)": "u3 in KRW on 1970-01-01",
		} {
			if _, err := f.db.ExecContext(f.Context(), statement); err != nil {
				f.Fatal(err)
			}
			if found := f.summaryViolations(); len(found) != 1 || !strings.Contains(found[0], "customer "+user) {
				f.Errorf("after %s: %v", statement, found)
			}
			sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := store.RebuildSummary(ctx, tx)
				return err
			})
			if found := f.summaryViolations(); len(found) != 0 || f.total(store.AnyOwner) != right {
				f.Errorf("rebuilt after %s: %v", statement, found)
			}
		}
	})
}

func TestSummaryOfSomeDays(t *testing.T) {
	each(t, func(f *fixture) {
		if _, err := f.db.ExecContext(f.Context(), `INSERT INTO order_summary VALUES
			('u1', 'KRW', 10, 1, 0, 0, 0, 0, 0, 0), ('u1', 'KRW', 11, 2, 0, 0, 0, 0, 0, 0), ('u2', 'KRW', 11, 4, 0, 0, 0, 0, 0, 0),
			('u1', 'USD', 11, 8, 0, 0, 0, 0, 0, 0), ('u2', 'KRW', 12, 16, 0, 0, 0, 0, 0, 0)`); err != nil {
			f.Fatal(err)
		}
		ten, eleven := store.Day(10), store.Day(11)
		type pending map[store.Day]int64
		for _, c := range []struct {
			filter store.SummaryFilter
			want   pending
			days   []store.Day
		}{
			{store.SummaryFilter{Currency: "KRW"}, pending{10: 1, 11: 6, 12: 16}, []store.Day{12, 11, 10}},
			{store.SummaryFilter{Currency: "USD"}, pending{11: 8}, []store.Day{11}},
			{store.SummaryFilter{Currency: "EUR"}, pending{}, nil},
			{store.SummaryFilter{Currency: "KRW", Owner: "u1"}, pending{10: 1, 11: 2}, []store.Day{11, 10}},
			{store.SummaryFilter{Currency: "KRW", From: &eleven}, pending{11: 6, 12: 16}, []store.Day{12, 11}},
			{store.SummaryFilter{Currency: "KRW", To: &eleven}, pending{10: 1, 11: 6}, []store.Day{11, 10}},
			{store.SummaryFilter{Currency: "KRW", Owner: "u2", From: &ten, To: &eleven}, pending{11: 4}, []store.Day{11}},
		} {
			got, err := store.Summary(f.Context(), f.db, c.filter)
			if err != nil {
				f.Fatal(err)
			}
			found := pending{}
			var days []store.Day
			for _, d := range got {
				found[d.Day] = d.Pending
				days = append(days, d.Day)
			}
			if !reflect.DeepEqual(found, c.want) || !slices.Equal(days, c.days) {
				f.Errorf("%+v: %v", c.filter, got)
			}
		}
	})
}

// The migrations fill what they add from the rows that are there.
func TestOlderRowsAreTakenOver(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		before := fstest.MapFS{}
		for _, name := range []string{"00001_orders.sql", "00002_forget_payment_tokens.sql"} {
			text, err := fs.ReadFile(store.Migrations(), name)
			if err != nil {
				t.Fatal(err)
			}
			before[name] = &fstest.MapFile{Data: text}
		}
		if err := sqldb.Migrate(t.Context(), db, "order", before); err != nil {
			t.Fatal(err)
		}
		day := int64(20_000) * 86_400_000_000
		for _, row := range []struct {
			id, status, notes string
			total, refunded   int64
			at                int64
		}{
			{"o1", "PAID", "벨을 두 번", 1000, 0, day},
			{"o2", "PROCESSING", "ring\n2026-11-02T12:00:00Z PROCESSING: packing", 1000, 0, day + 86_399_999_999},
			{"o3", "DELIVERED", "", 500, 200, day + 86_400_000_000},
			{"o4", "CANCELLED", "2026-11-02T12:00:00Z CANCELLED: sold out", 500, 0, day},
			{"o5", "PROCESSING", "ring", 500, 0, day},
		} {
			if _, err := db.ExecContext(t.Context(), `INSERT INTO orders VALUES ($1, 1, $1, 'u1', '', '', $2, 'COMPLETED', '[]', $3, 'KRW', '', '', '', $4, '',
				'', '', '', '', '', '', $5, '', '', 0, $6, 0, 0, 0, 0, 0, 0, 0)`, row.id, row.status, row.total, row.notes, row.refunded, row.at); err != nil {
				t.Fatal(err)
			}
		}
		if err := sqldb.Migrate(t.Context(), db, "order", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string][2]string{
			"o1": {"벨을 두 번", ""}, "o2": {"ring", "2026-11-02T12:00:00Z PROCESSING: packing"}, "o3": {"", ""},
			"o4": {"", "2026-11-02T12:00:00Z CANCELLED: sold out"}, "o5": {"ring", ""},
		} {
			if o, err := store.Get(t.Context(), db, store.AnyOwner, id); err != nil || o.Notes != want[0] || o.Reasons != want[1] {
				t.Errorf("%s: %+v, %v", id, o, err)
			}
		}
		days, err := store.Summary(t.Context(), db, store.SummaryFilter{Currency: "KRW"})
		want := []store.DayFigures{
			{Day: 20_001, Figures: order.Figures{Completed: 1, PaidTotal: 500, Revenue: 300}},
			{Day: 20_000, Figures: order.Figures{Active: 3, Cancelled: 1, PaidTotal: 2500, Revenue: 2500}},
		}
		if err != nil || !reflect.DeepEqual(days, want) {
			t.Errorf("%+v, %v", days, err)
		}
	})
}
