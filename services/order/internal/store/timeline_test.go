package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas"
)

// Facts of other services stand between the order's own, each after its cause, even when a clock is behind.
func TestTimelineIsCausal(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 1)
		log, err := outbox.Log(f.Context(), f.db, schemas.OrderEvents, "o1")
		if err != nil {
			t.Fatal(err)
		}
		reserved := store.Witnessed{OrderID: "o1", Fact: store.Fact{
			EventID: "e1", Type: "orderflow.inventory.v1.StockReserved", Topic: schemas.InventoryEvents, Sequence: 1, Source: "inventory",
			OccurredAt: log[0].Time.Add(-time.Hour), CausationID: log[0].EventID, Summary: "Stock reserved",
		}}
		for range 2 { // the second time as after an inbox that starts anew
			f.work(func(ctx context.Context, w *store.Work) error {
				if err := w.Load(ctx, store.AnyOwner, "o1"); err != nil {
					return err
				}
				w.Witness(reserved)
				o := w.Order("o1")
				return w.Record(o, store.Cause{EventID: "e1"}, order.React(o, untilPaid("o1")[0], w.Now())...)
			})
		}
		facts, err := store.Timeline(f.Context(), f.db, decode, "o1")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, fact := range facts {
			got = append(got, fact.Summary)
		}
		if want := []string{"Placed: 1 line, 1000 KRW", "Stock reserved", "Payment asked for: 1000 KRW"}; !slices.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
		if facts[1] != reserved.Fact {
			t.Errorf("got %+v, want %+v", facts[1], reserved.Fact)
		}
		if facts[2].CausationID != "e1" || facts[2].Source != "order" || facts[2].Sequence != 2 {
			t.Errorf("own fact: %+v", facts[2])
		}
	})
}
