package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// Work is a unit of work in one transaction: reservations and products are read once, changed in memory, and written
// together, so that a batch of orders costs a hot product one update. Locks are taken on reservations first, then on
// products, each by id.
type Work struct {
	store        *Store
	tx           *sqldb.Tx
	reservations map[string]*inventory.Reservation
	shelf        inventory.Shelf
	drafts       []outbox.Draft
	adjustments  []any // rows of the trail

	// What the rows say, to tell what changed.
	sequences map[string]int64             // of reservations
	lined     map[string]bool              // reservations whose lines are written
	rows      map[string]inventory.Product // none: the product is new
}

// Begin starts a unit of work. Nothing is written before Flush.
func (s *Store) Begin(tx *sqldb.Tx) *Work {
	return &Work{
		store: s, tx: tx,
		reservations: map[string]*inventory.Reservation{},
		shelf:        inventory.Shelf{},
		sequences:    map[string]int64{},
		lined:        map[string]bool{},
		rows:         map[string]inventory.Product{},
	}
}

// Cause is what made an event happen: a message, or nothing for a call or a timer.
type Cause struct {
	EventID     string
	TraceParent string
	Source      inventory.Source // of an adjustment of the stock, when its place in the log does not say it
}

// LoadReservations reads the reservations of these orders and locks them. An order that has none gets an empty one.
func (w *Work) LoadReservations(ctx context.Context, orderIDs ...string) error {
	var missing []string
	for _, id := range orderIDs {
		if w.reservations[id] == nil {
			w.reservations[id] = &inventory.Reservation{OrderID: id}
			missing = append(missing, id)
		}
	}
	loaded, err := sqldb.CollectIn(ctx, w.tx, scanReservation, selectReservations+"WHERE order_id", missing, " ORDER BY order_id"+w.tx.ForUpdate())
	if err != nil {
		return fmt.Errorf("load reservations: %w", err)
	}
	return w.keep(ctx, loaded)
}

// LoadDue reads and locks the first holds whose time is over, at most limit of them.
func (w *Work) LoadDue(ctx context.Context, before time.Time, limit int) ([]*inventory.Reservation, error) {
	loaded, err := due(ctx, w.tx, before, limit)
	if err != nil {
		return nil, fmt.Errorf("load expired reservations: %w", err)
	}
	return loaded, w.keep(ctx, loaded)
}

func (w *Work) keep(ctx context.Context, loaded []*inventory.Reservation) error {
	if err := readLines(ctx, w.tx, loaded); err != nil {
		return fmt.Errorf("load reservation lines: %w", err)
	}
	for _, r := range loaded {
		w.reservations[r.OrderID] = r
		w.sequences[r.OrderID] = r.Sequence
		w.lined[r.OrderID] = len(r.Lines) > 0
	}
	return nil
}

// LoadProducts reads these products and locks them. Those that are not there stay off the shelf.
func (w *Work) LoadProducts(ctx context.Context, ids ...string) error {
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return w.shelf[id] != nil })
	loaded, err := sqldb.CollectIn(ctx, w.tx, scanProduct, selectProducts+"WHERE p.id", missing, " ORDER BY p.id"+w.tx.ForUpdate())
	if err != nil {
		return fmt.Errorf("load products: %w", err)
	}
	for _, p := range loaded {
		w.shelf[p.ID] = p
		w.rows[p.ID] = *p
	}
	return nil
}

// Reservation is one that was loaded.
func (w *Work) Reservation(orderID string) *inventory.Reservation { return w.reservations[orderID] }

// Shelf has the products that were loaded.
func (w *Work) Shelf() inventory.Shelf { return w.shelf }

// Add puts a new product on the shelf.
func (w *Work) Add(p *inventory.Product) { w.shelf[p.ID] = p }

// Now is the transaction's instant.
func (w *Work) Now() time.Time { return w.tx.Now() }

// Record applies events to the reservation and to the stock it is about, and queues them for the outbox, numbered.
// Events of products, such as LowStock, may be among them.
func (w *Work) Record(r *inventory.Reservation, cause Cause, events ...inventory.Event) error {
	for _, event := range events {
		if inventory.OrderOf(event) == "" {
			if err := w.recordProduct(event, cause, r.OrderID); err != nil {
				return err
			}
			continue
		}
		if err := w.shelf.Apply(r, event); err != nil {
			return fmt.Errorf("order %s: %w", r.OrderID, err)
		}
		w.draft(schemas.InventoryEvents, r.OrderID, r.Sequence, event, cause, r.OrderID)
	}
	return nil
}

// RecordProduct applies events to products on the shelf and queues them for the outbox, numbered.
func (w *Work) RecordProduct(cause Cause, events ...inventory.Event) error {
	for _, event := range events {
		if err := w.recordProduct(event, cause, ""); err != nil {
			return err
		}
	}
	return nil
}

func (w *Work) recordProduct(event inventory.Event, cause Cause, orderID string) error {
	p := w.shelf[inventory.ProductOf(event)]
	if p == nil {
		return fmt.Errorf("%s of a product that is not loaded", event.RecordName())
	}
	if _, catalogue := event.(*inventoryv1.ProductChanged); catalogue {
		if err := p.Apply(event); err != nil {
			return err
		}
		w.draft(schemas.ProductEvents, p.ID, p.Version, event, cause, orderID)
		return nil
	}
	if err := p.Stock.Apply(event); err != nil {
		return err
	}
	if adjusted, ok := event.(*inventoryv1.StockAdjusted); ok {
		w.adjustments = append(w.adjustments, adjustmentRow(inventory.AdjustmentOf(adjusted, p.Stock.Sequence, cause.Source))...)
	}
	w.draft(schemas.InventoryEvents, p.ID, p.Stock.Sequence, event, cause, orderID)
	return nil
}

func (w *Work) draft(topic, key string, sequence int64, event inventory.Event, cause Cause, orderID string) {
	w.drafts = append(w.drafts, outbox.Draft{
		Topic: topic, Key: key, Sequence: sequence, Data: event, Time: w.tx.Now(),
		CausationID: cause.EventID, CorrelationID: orderID, TraceParent: cause.TraceParent,
	})
}

// Flush writes what changed. It is the last call on a unit of work.
func (w *Work) Flush(ctx context.Context) error {
	if err := w.saveProducts(ctx); err != nil {
		return err
	}
	if err := w.saveReservations(ctx); err != nil {
		return err
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertAdjustment, adjustmentColumns, "", w.adjustments); err != nil {
		return fmt.Errorf("save stock adjustments: %w", err)
	}
	if err := w.store.outbox.Append(ctx, w.tx, w.drafts...); err != nil {
		return fmt.Errorf("append inventory events: %w", err)
	}
	return nil
}

func (w *Work) saveProducts(ctx context.Context) error {
	var created, changed, stock []any
	for _, id := range slices.Sorted(maps.Keys(w.shelf)) {
		p := w.shelf[id]
		row, known := w.rows[id]
		switch {
		case !known:
			created = append(created, productRow(p)...)
		case p.Version != row.Version:
			changed = append(changed, productRow(p)...)
		}
		if !known || p.Stock != row.Stock {
			stock = append(stock, stockRow(p)...)
		}
	}
	inserted, err := sqldb.ExecRows(ctx, w.tx, insertProduct, productColumns, unlessThere, created)
	if err != nil {
		return fmt.Errorf("insert products: %w", err)
	}
	if inserted != int64(len(created)/productColumns) { // somebody else was faster
		return w.taken(ctx)
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertProduct, productColumns, updateProduct, changed); err != nil {
		return fmt.Errorf("update products: %w", err)
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertStock, stockColumns, updateStock, stock); err != nil {
		return fmt.Errorf("save stock: %w", err)
	}
	return nil
}

// taken names the id or the SKU that somebody else took between our look and our write.
func (w *Work) taken(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(w.shelf)) {
		p := w.shelf[id]
		if _, known := w.rows[id]; known {
			continue
		}
		owner, err := SKUOwner(ctx, w.tx, p.SKU)
		if err != nil {
			return err
		}
		if owner != "" && owner != id {
			return SKUTaken(p.SKU, owner)
		}
		switch _, err := GetProduct(ctx, w.tx, id); {
		case err == nil: // ours has no stock yet, so that this is another one
			return ProductExists(id)
		case !errors.Is(err, ProductNotFound(id)):
			return err
		}
	}
	return errors.New("a product was not inserted, and none is in its place")
}

func (w *Work) saveReservations(ctx context.Context) error {
	var changed, lines []any
	for _, id := range slices.Sorted(maps.Keys(w.reservations)) {
		r := w.reservations[id]
		if r.Sequence == w.sequences[id] {
			continue
		}
		changed = append(changed, reservationRow(r)...)
		if w.lined[id] {
			continue
		}
		for _, line := range r.Lines {
			lines = append(lines, r.OrderID, line.ProductID, int64(line.Quantity))
		}
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertReservation, reservationColumns, updateReservation, changed); err != nil {
		return fmt.Errorf("save reservations: %w", err)
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertLine, lineColumns, "", lines); err != nil {
		return fmt.Errorf("save reservation lines: %w", err)
	}
	return nil
}
