package events

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/sqldb"
)

// expiredAtOnce bounds a transaction, so that orders wait for no more than one.
const expiredAtOnce = 500

// Expiry ends the holds whose time is over.
type Expiry struct {
	db    *sqldb.DB
	store *store.Store
}

// NewExpiry makes it.
func NewExpiry(db *sqldb.DB, s *store.Store) *Expiry { return &Expiry{db: db, store: s} }

// Fire ends every hold that is due at or before the instant, and returns how many.
func (e *Expiry) Fire(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		count := 0
		err := e.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			count, err = e.batch(ctx, e.store.Begin(tx), before)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("expire reservations: %w", err)
		}
		if total += count; count < expiredAtOnce {
			return total, nil
		}
	}
}

func (e *Expiry) batch(ctx context.Context, work *store.Work, before time.Time) (ended int, err error) {
	due, err := work.LoadDue(ctx, before, expiredAtOnce)
	if err != nil {
		return 0, err
	}
	var products []string
	for _, r := range due {
		for _, line := range r.Lines {
			products = append(products, line.ProductID)
		}
	}
	if err := work.LoadProducts(ctx, products...); err != nil {
		return 0, err
	}
	for _, r := range due {
		events := inventory.Expire(r, before, work.Now())
		if err := work.Record(r, store.Cause{}, events...); err != nil {
			return 0, err
		}
		ended += len(events)
	}
	return ended, work.Flush(ctx)
}
