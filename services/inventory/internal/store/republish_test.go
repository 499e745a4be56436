package store_test

import (
	"context"
	"testing"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// What is queued again is the product's last state under the version that it has, and the log stays without gaps.
func TestRepublishQueuesTheCurrentState(t *testing.T) {
	each(t, func(f *fixture) {
		for _, id := range []string{"p1", "p2", "p3"} {
			f.create(id, 1, 0)
		}
		f.markSent()
		var last string
		for _, want := range []int{2, 1, 0} {
			sqldbtest.Tx(t, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
				next, count, err := f.store.Republish(ctx, tx, encode, last, 2)
				if err != nil || count != want {
					t.Errorf("%d after %q, %v", count, last, err)
				}
				last = next
				return err
			})
		}
		unsent, err := outbox.Unsent(t.Context(), f.db, 10)
		if err != nil || len(unsent) != 3 {
			t.Fatalf("%d rows, %v", len(unsent), err)
		}
		record := unsent[1].Record()
		data, err := decode(t.Context(), record.Topic, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := data.(*inventoryv1.ProductChanged), f.product("p2").State(); *got != want {
			t.Errorf("%+v, want %+v", *got, want)
		}
		if record.Topic != schemas.ProductEvents || record.Key != "p2" || record.Headers["ce_sequence"] != "1" || record.Headers["ce_type"] != "orderflow.inventory.v1.ProductChanged" {
			t.Errorf("%+v", record)
		}
		f.mustHold()
	})
}

func (f *fixture) markSent() {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		rows, err := outbox.Unsent(ctx, tx, 1000)
		if err != nil {
			return err
		}
		var ids []int64
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return outbox.MarkSent(ctx, tx, ids)
	})
}
