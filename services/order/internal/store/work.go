package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/schemas"
)

// Work is a unit of work in one transaction: orders are read once, changed in memory, and written together.
type Work struct {
	store     *Store
	tx        *sqldb.Tx
	orders    map[string]*order.Order
	dirty     []*order.Order // in the order of their first change
	isDirty   map[string]bool
	drafts    []outbox.Draft
	witnessed []Witnessed
}

// Begin starts a unit of work. Nothing is written before Flush.
func (s *Store) Begin(tx *sqldb.Tx) *Work {
	return &Work{store: s, tx: tx, orders: map[string]*order.Order{}, isDirty: map[string]bool{}}
}

// Cause is what made an event happen: a message, or nothing for a call or a time limit.
type Cause struct {
	EventID     string
	TraceParent string
}

// Load reads the orders of the owner and locks them, in the order of their ids. Those that are not there, or are
// another's, stay unknown.
func (w *Work) Load(ctx context.Context, owner string, ids ...string) error {
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return w.orders[id] != nil })
	loaded, err := sqldb.CollectIn(ctx, w.tx, scan, "SELECT "+columnList+" FROM orders WHERE ($1 = '' OR user_id = $1) AND id",
		missing, " ORDER BY id"+w.tx.ForUpdate(), owner)
	if err != nil {
		return fmt.Errorf("load orders: %w", err)
	}
	for _, o := range loaded {
		w.orders[o.ID] = o
	}
	return nil
}

// Order is an order that was loaded or recorded; nil for one that is not there.
func (w *Work) Order(id string) *order.Order { return w.orders[id] }

// Now is the transaction's instant.
func (w *Work) Now() time.Time { return w.tx.Now() }

// Record applies events to the order, which may be new, and queues them for the outbox, numbered.
func (w *Work) Record(o *order.Order, cause Cause, events ...order.Event) error {
	for _, event := range events {
		if err := o.Apply(event); err != nil {
			return err
		}
		w.drafts = append(w.drafts, outbox.Draft{
			ID: outbox.NewID(), Topic: schemas.OrderEvents, Key: o.ID, Sequence: o.Version, Data: event, Time: w.tx.Now(),
			CausationID: cause.EventID, CorrelationID: o.ID, TraceParent: cause.TraceParent,
		})
	}
	if len(events) > 0 && !w.isDirty[o.ID] {
		w.isDirty[o.ID] = true
		w.orders[o.ID] = o
		w.dirty = append(w.dirty, o)
	}
	return nil
}

// Witness keeps another service's event for the order's timeline.
func (w *Work) Witness(event Witnessed) { w.witnessed = append(w.witnessed, event) }

// Flush writes what changed. The work may go on after it.
func (w *Work) Flush(ctx context.Context) error {
	if err := w.saveOrders(ctx); err != nil {
		return fmt.Errorf("save orders: %w", err)
	}
	if err := saveWitnessed(ctx, w.tx, w.witnessed); err != nil {
		return fmt.Errorf("save order history: %w", err)
	}
	if len(w.drafts) > 0 {
		if err := w.store.outbox.Append(ctx, w.tx, w.drafts...); err != nil {
			return fmt.Errorf("append order events: %w", err)
		}
	}
	w.announce()
	w.dirty, w.isDirty, w.drafts, w.witnessed = nil, map[string]bool{}, nil, nil
	return nil
}

func (w *Work) saveOrders(ctx context.Context) error {
	args := make([]any, 0, len(w.dirty)*len(columns))
	for _, o := range w.dirty {
		row, err := values(o)
		if err != nil {
			return err
		}
		args = append(args, row...)
	}
	_, err := sqldb.ExecRows(ctx, w.tx, insertOrder, len(columns), updateOrder, args)
	return err
}
