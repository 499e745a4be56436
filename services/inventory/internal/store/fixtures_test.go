package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
)

const hold = 15 * time.Minute

// fixture is a migrated database and a store on it.
type fixture struct {
	*testing.T
	db    *sqldb.DB
	store *store.Store
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "inventory", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		test(&fixture{T: t, db: db, store: store.New(outbox.NewWriter("inventory", encode))})
	})
}

// encode and decode stand in for Avro: the store does not care.
type envelope struct {
	Type string
	Data json.RawMessage
}

func encode(_ string, r outbox.Record) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{r.RecordName(), data})
}

func decode(_ context.Context, _ string, value []byte) (any, error) {
	var e envelope
	if err := json.Unmarshal(value, &e); err != nil {
		return nil, err
	}
	empty := inventoryv1.Events[e.Type]
	if empty == nil {
		return nil, fmt.Errorf("no event %s", e.Type)
	}
	event := empty()
	return event, json.Unmarshal(e.Data, event)
}

// work runs fn in a unit of work and flushes it.
func (f *fixture) work(fn func(ctx context.Context, w *store.Work) error) {
	f.Helper()
	if err := f.try(fn); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) try(fn func(ctx context.Context, w *store.Work) error) error {
	return f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		w := f.store.Begin(tx)
		if err := fn(ctx, w); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
}

func (f *fixture) create(id string, pieces, threshold int64) {
	f.Helper()
	f.work(func(_ context.Context, w *store.Work) error {
		p, events := inventory.Create(inventory.NewProduct{
			ID: id, SKU: "SKU-" + id, Name: "Product " + id, Description: "What it is", Price: 900, Currency: "KRW",
			InitialStock: pieces, LowThreshold: threshold,
		}, "u1", w.Now())
		w.Add(p)
		return w.RecordProduct(store.Cause{}, events...)
	})
}

// happen lets facts happen to an order, each in a transaction of its own.
func (f *fixture) happen(orderID string, facts ...any) {
	f.Helper()
	for _, fact := range facts {
		f.work(func(ctx context.Context, w *store.Work) error { return decide(ctx, w, orderID, fact) })
	}
}

// decide lets one fact happen to an order in a unit of work, as the events room does.
func decide(ctx context.Context, w *store.Work, orderID string, fact any) error {
	if err := w.LoadReservations(ctx, orderID); err != nil {
		return err
	}
	r := w.Reservation(orderID)
	var ids []string
	for _, line := range r.Lines {
		ids = append(ids, line.ProductID)
	}
	if placed, ok := fact.(*orderv1.OrderPlaced); ok {
		for _, item := range placed.Items {
			ids = append(ids, item.ProductID)
		}
	}
	if err := w.LoadProducts(ctx, ids...); err != nil {
		return err
	}
	var events []inventory.Event
	var err error
	switch e := fact.(type) {
	case *orderv1.OrderPlaced:
		events, err = inventory.Place(r, w.Shelf(), e, hold, w.Now())
	case *orderv1.OrderConfirmed:
		events, err = inventory.Confirm(r, w.Shelf(), e, w.Now())
	case *orderv1.OrderCancelled:
		events = inventory.Cancel(r, w.Now())
	case time.Time:
		events = inventory.Expire(r, e, w.Now())
	}
	if err != nil {
		return err
	}
	return w.Record(r, store.Cause{EventID: "cause", TraceParent: "trace"}, events...)
}

func placed(items ...orderv1.OrderItem) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Items: items}
}

func item(product string, quantity int32) orderv1.OrderItem {
	return orderv1.OrderItem{ProductID: product, Quantity: quantity}
}

var (
	confirmed = &orderv1.OrderConfirmed{}
	cancelled = &orderv1.OrderCancelled{}
)

func (f *fixture) adjust(id string, delta int64) error {
	return f.try(func(ctx context.Context, w *store.Work) error {
		if err := w.LoadProducts(ctx, id); err != nil {
			return err
		}
		events, err := inventory.Adjust(w.Shelf()[id], delta, "counted", "u1", w.Now())
		if err != nil {
			return err
		}
		return w.RecordProduct(store.Cause{}, events...)
	})
}

func (f *fixture) product(id string) *inventory.Product {
	f.Helper()
	p, err := store.GetProduct(f.Context(), f.db, id)
	if err != nil {
		f.Fatal(err)
	}
	return p
}

func (f *fixture) reservation(orderID string) *inventory.Reservation {
	f.Helper()
	page, _, err := store.ListReservations(f.Context(), f.db, store.ReservationFilter{OrderID: orderID, Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	if len(page) == 0 {
		return nil
	}
	return page[0]
}

func (f *fixture) exec(statement string, args ...any) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// violations runs every check.
func (f *fixture) violations() map[string][]string {
	f.Helper()
	found := map[string][]string{}
	for _, c := range store.Checks(decode) {
		result, err := c.Run(f.Context(), f.db)
		if err != nil {
			f.Fatalf("%s: %v", c.Name, err)
		}
		if len(result.Violations) > 0 {
			found[c.Name] = result.Violations
		}
	}
	return found
}

func (f *fixture) mustHold() {
	f.Helper()
	if broken := f.violations(); len(broken) > 0 {
		f.Fatalf("%v", broken)
	}
}
