package events_test

import (
	"testing"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/inbox"
)

func (f *fixture) expiresAt(id string) time.Time {
	f.Helper()
	page, _, err := store.ListReservations(f.Context(), f.db, store.ReservationFilter{OrderID: id, Limit: 1})
	if err != nil || len(page) != 1 {
		f.Fatalf("%d reservations of %s, %v", len(page), id, err)
	}
	return page[0].ExpiresAt
}

func (f *fixture) fire(before time.Time) int {
	f.Helper()
	fired, err := f.expiry.Fire(f.Context(), before)
	if err != nil {
		f.Fatal(err)
	}
	return fired
}

func TestExpiryEndsWhatIsDueAndNothingElse(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 10)
		f.handle(placed("held", item("p1", 1)), placed("committed", item("p1", 2)), placed("released", item("p1", 3)))
		f.handle(confirmed("committed"), cancelled("released"))
		due := f.expiresAt("held")
		if fired := f.fire(due.Add(-time.Microsecond)); fired != 0 || f.said("held") != "StockReserved" {
			t.Errorf("too early: %d, %s", fired, f.said("held"))
		}
		if fired := f.fire(due); fired != 1 || f.said("held") != "StockReserved ReservationExpired" {
			t.Errorf("%d, %s", fired, f.said("held"))
		}
		if fired := f.fire(due.Add(time.Hour)); fired != 0 {
			t.Errorf("%d ended again", fired)
		}
		if f.said("committed") != "StockReserved StockCommitted" || f.said("released") != "StockReserved StockReleased" || f.levels("p1") != "on_hand 8 reserved 0" {
			t.Error(f.said("committed"), f.said("released"), f.levels("p1"))
		}
		f.stockAddsUp()
	})
}

func TestExpiryTakesMoreThanOneBatch(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 2000)
		var batch []inbox.Message
		for i := range 1100 {
			batch = append(batch, placed(orderID(i), item("p1", 1)))
		}
		f.handle(batch...)
		if fired := f.fire(f.expiresAt(orderID(0))); fired != 1100 || f.levels("p1") != "on_hand 2000 reserved 0" {
			t.Errorf("%d, %s", fired, f.levels("p1"))
		}
		_, expired, err := store.ListReservations(t.Context(), f.db, store.ReservationFilter{Statuses: []inventory.Status{inventory.Expired}, Limit: 1})
		if err != nil || expired != 1100 {
			t.Errorf("%d, %v", expired, err)
		}
	})
}

// An expired hold whose order is then confirmed: reserved again if the stock allows, else the commit fails.
func TestExpiredThenConfirmed(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 5)
		f.handle(placed("o1", item("p1", 2)), placed("o2", item("p1", 3)))
		f.fire(f.expiresAt("o2"))
		f.handle(confirmed("o1"), placed("o3", item("p1", 1)), confirmed("o2"))
		if f.said("o1") != "StockReserved ReservationExpired StockCommitted" || f.said("o2") != "StockReserved ReservationExpired StockCommitFailed" {
			t.Error(f.said("o1"), f.said("o2"))
		}
		if f.levels("p1") != "on_hand 3 reserved 1" {
			t.Error(f.levels("p1"))
		}
		f.stockAddsUp()
	})
}
