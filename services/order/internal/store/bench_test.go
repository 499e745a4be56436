package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
)

func openBench(b *testing.B) (*sqldb.DB, *store.Store) {
	b.Helper()
	db := sqldbtest.Open(b, sqldb.Config{URL: sqldbtest.SQLiteURL(b)})
	if err := sqldb.Migrate(b.Context(), db, "order", store.Migrations()); err != nil {
		b.Fatal(err)
	}
	return db, store.New(outbox.NewWriter("order", encode))
}

func placeOne(ctx context.Context, db *sqldb.DB, s *store.Store, n int64) error {
	return db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		event, err := order.Place(order.Placement{
			ID: fmt.Sprintf("01a0-%012d", n), Nonce: uint32(n), UserID: "u1",
			Items: []order.Line{{ProductID: "p1", Quantity: 1}, {ProductID: "p2", Quantity: 1}},
		}, products, tx.Now())
		if err != nil {
			return err
		}
		if _, err := store.LockUnpaid(ctx, tx, "u1"); err != nil {
			return err
		}
		w := s.Begin(tx)
		if err := w.Record(&order.Order{}, store.Cause{}, event); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
}

// Placing orders one call each, 64 callers at a time: what the group commit makes of them.
func BenchmarkPlace(b *testing.B) {
	db, s := openBench(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := placeOne(b.Context(), db, s, n.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// One event each for a batch of 200 orders, in one transaction.
func BenchmarkReactInBatches(b *testing.B) {
	db, s := openBench(b)
	const batch = 200
	ids := make([]string, batch)
	for i := range ids {
		ids[i] = fmt.Sprintf("01a0-%012d", i)
		if err := placeOne(b.Context(), db, s, int64(i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		err := db.InTx(b.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			w := s.Begin(tx)
			if err := w.Load(ctx, store.AnyOwner, ids...); err != nil {
				return err
			}
			for _, id := range ids {
				o := w.Order(id)
				o.Step = order.ReserveStock // so that each turn finds the same work
				w.Witness(store.Witnessed{OrderID: id, Fact: store.Fact{EventID: outbox.NewID(), Type: "t", Topic: "x", Sequence: 1, Source: "inventory"}})
				if err := w.Record(o, store.Cause{EventID: "cause"}, order.React(o, untilPaid(id)[0], w.Now())...); err != nil {
					return err
				}
			}
			return w.Flush(ctx)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/batch, "µs/event")
}
