package events_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/sqldb"
)

type orderMessage = inbox.Message

func orderID(i int) string { return fmt.Sprintf("o%05d", i) }

// Several consumers, the expiry and staff all work on the same hot products at once. Nothing is oversold, every order is
// answered, and all that should be sold is sold.
func TestHotProductsAreNeverOversold(t *testing.T) {
	each(t, func(f *fixture) {
		const (
			consumers, batches, size = 6, 8, 20
			hot                      = 300 // pieces of it, far fewer than asked for
		)
		f.create("hot", hot)
		f.create("warm", 10_000)
		var working sync.WaitGroup
		failed := make(chan error, consumers+2)
		for c := range consumers {
			working.Go(func() { failed <- f.consume(c, batches, size) })
		}
		working.Go(func() { failed <- f.adjustAndExpire(20) })
		working.Wait()
		close(failed)
		for err := range failed {
			if err != nil {
				t.Error(err)
			}
		}
		f.stockAddsUp()
		p, err := store.GetProduct(t.Context(), f.db, "hot")
		if err != nil {
			t.Fatal(err)
		}
		if free := p.Stock.Available(); free != 0 {
			t.Errorf("%d of the hot product are left: %+v", free, p.Stock)
		}
		for i := range consumers * batches * size {
			if f.said(orderID(i)) == "" {
				t.Errorf("order %d was never answered", i)
			}
		}
	})
}

// consume handles the consumer's own orders, as the owner of a partition does: each wants the hot product, in another
// order of lines than its neighbour; some are confirmed, some cancelled.
func (f *fixture) consume(consumer, batches, size int) error {
	for b := range batches {
		var batch []inbox.Message
		for i := range size {
			id := orderID((consumer*batches+b)*size + i)
			if i%2 == 0 {
				batch = append(batch, placed(id, item("hot", 1), item("warm", 1)))
			} else {
				batch = append(batch, placed(id, item("warm", 1), item("hot", 1)))
			}
			switch i % 10 {
			case 3:
				batch = append(batch, cancelled(id))
			case 5:
				batch = append(batch, confirmed(id, item("hot", 1), item("warm", 1)))
			}
		}
		if err := f.try(batch...); err != nil {
			return err
		}
	}
	return nil
}

// adjustAndExpire takes and adds a piece again and again, and looks for what is due long before anything is.
func (f *fixture) adjustAndExpire(times int) error {
	for i := range times {
		delta := int64(1 - 2*(i%2))
		err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			w := f.store.Begin(tx)
			if err := w.LoadProducts(ctx, "warm", "hot"); err != nil {
				return err
			}
			events, err := inventory.Adjust(w.Shelf()["warm"], delta, "counted", "u1", w.Now())
			if err != nil {
				return err
			}
			if err := w.RecordProduct(store.Cause{}, events...); err != nil {
				return err
			}
			return w.Flush(ctx)
		})
		if err != nil {
			return err
		}
		if _, err := f.expiry.Fire(f.Context(), time.Unix(0, 0)); err != nil {
			return err
		}
	}
	return nil
}
