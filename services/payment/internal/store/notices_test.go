package store_test

import (
	"context"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// One row per event of a provider, whatever is said the second time; what agrees is forgotten some day, what contradicts is not.
func TestNotices(t *testing.T) {
	each(t, func(f *fixture) {
		add := func(provider, event string, standing payment.Standing, at time.Time, amount int64) (added bool) {
			sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) (err error) {
				added, err = store.AddNotice(ctx, tx, &store.Notice{
					Provider: provider, EventID: event, Type: "t", ReceivedAt: at, Verdict: payment.Verdict{Standing: standing},
					Notice: payment.Notice{OrderID: "o1", Kind: payment.KindCapture, Succeeded: true, Amount: amount, Currency: "KRW"},
				})
				return err
			})
			return added
		}
		old, now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		if !add("a", "e1", payment.Agrees, old, 1) || add("a", "e1", payment.Contradicts, now, 2) || !add("b", "e1", payment.Agrees, now, 3) ||
			!add("a", "e2", payment.Contradicts, old, 4) || !add("a", "e3", payment.Open, old, 5) {
			t.Fatal("rows per event")
		}
		if n, err := store.GetNotice(t.Context(), f.db, "a", "e1"); err != nil || n.Amount != 1 || n.Standing != payment.Agrees || !n.ReceivedAt.Equal(old) {
			t.Errorf("%+v, %v", n, err)
		}
		if n, err := store.PurgeNotices(t.Context(), f.db, now.Add(-time.Hour)); n != 1 || err != nil {
			t.Errorf("%d forgotten, %v", n, err)
		}
		left, err := store.ListNotices(t.Context(), f.db, "", "o1", 10)
		if err != nil || len(left) != 3 || left[0].Provider != "b" {
			t.Errorf("%v, %v", left, err)
		}
		if gone, err := store.GetNotice(t.Context(), f.db, "a", "e1"); gone != nil || err != nil {
			t.Errorf("%v, %v", gone, err)
		}
	})
}
