package events_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"orderflow.example/inventory/internal/events"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/outbox"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

func TestEveryOrderEventIsEitherHandledOrIgnored(t *testing.T) {
	named := slices.Sorted(slices.Values(append(events.Handles(), events.Ignores()...)))
	if all := slices.Sorted(maps.Keys(orderv1.Events)); !slices.Equal(named, all) {
		t.Errorf("named %v\nthere are %v", named, all)
	}
}

// A batch is one unit of work: its messages see each other's effects, in order.
func TestBatch(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 5)
		f.create("p2", 5)
		f.handle(
			placed("o1", item("p1", 3), item("p2", 1)),
			placed("o2", item("p1", 3)), // too late
			placed("o3", item("p1", 2)),
			cancelled("o3"),
			placed("o4", item("p1", 2)), // what o3 gave back
			confirmed("o1"),
			placed("o5", item("unknown", 1)),
		)
		f.handle(cancelled("o1"), confirmed("o4"), placed("o1", item("p1", 3)), cancelled("o9"))
		for key, want := range map[string]string{
			"o1": "StockReserved StockCommitted StockReturned",
			"o2": "StockRejected",
			"o3": "StockReserved StockReleased",
			"o4": "StockReserved StockCommitted",
			"o5": "StockRejected",
			"o9": "StockReleased",
		} {
			if got := f.said(key); got != want {
				t.Errorf("%s: %s, want %s", key, got, want)
			}
		}
		if f.levels("p1") != "on_hand 3 reserved 0" || f.levels("p2") != "on_hand 5 reserved 0" {
			t.Error(f.levels("p1"), f.levels("p2"))
		}
		f.stockAddsUp()
	})
}

func TestWhatIsSaidNamesItsCause(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1)
		f.handle(placed("o1", item("p1", 1)))
		for _, key := range []string{"o1", "p1"} { // StockReserved, LowStock
			log, err := outbox.Log(t.Context(), f.db, schemas.InventoryEvents, key)
			if err != nil {
				t.Fatal(err)
			}
			row := log[len(log)-1]
			if row.CausationID != "id-of-o1" || row.CorrelationID != "o1" || row.TraceParent != "trace-of-o1" {
				t.Errorf("%s: %+v", row.Type, row)
			}
		}
	})
}

// A message that makes no sense is refused by its index, and nothing of the batch is written.
func TestNonsenseIsRefusedByIndex(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 5)
		foreign := placed("o3", item("p1", 1))
		foreign.Key = "another"
		err := f.try(
			placed("o1", item("p1", 1)),
			placed("o2"),
			foreign,
			message("o4", &orderv1.OrderPaid{OrderID: "o4"}),
		)
		if err == nil {
			t.Fatal("all were handled")
		}
		for _, part := range []string{"message 1", "the order has no items", "message 2", `orderflow.order.v1.OrderPlaced of order "o3" has the key "another"`, "message 3"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v does not say %q", err, part)
			}
		}
		if f.said("o1") != "" || f.levels("p1") != "on_hand 5 reserved 0" {
			t.Error(f.said("o1"), f.levels("p1"))
		}
	})
}

func TestFiveHundredOrdersOfManyProducts(t *testing.T) {
	each(t, func(f *fixture) {
		var items []orderv1.OrderItem
		for i := range 50 {
			id := "p" + string(rune('A'+i))
			f.create(id, 400)
			items = append(items, item(id, 1))
		}
		batch := slices.Collect(func(yield func(m orderMessage) bool) {
			for i := range 500 {
				if !yield(placed(orderID(i), items...)) {
					return
				}
			}
		})
		f.handle(batch...)
		reserved, rejected := 0, 0
		for i := range 500 {
			switch f.said(orderID(i)) {
			case "StockReserved":
				reserved++
			case "StockRejected":
				rejected++
			}
		}
		if reserved != 400 || rejected != 100 {
			t.Errorf("%d reserved, %d rejected", reserved, rejected)
		}
		if _, held, err := store.ListReservations(t.Context(), f.db, store.ReservationFilter{Limit: 1}); held != 500 || err != nil {
			t.Errorf("%d reservations, %v", held, err)
		}
		f.stockAddsUp()
	})
}
