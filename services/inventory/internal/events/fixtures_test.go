package events_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow.example/inventory/internal/events"
	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

const hold = 15 * time.Minute

type fixture struct {
	*testing.T
	db      *sqldb.DB
	store   *store.Store
	handler *events.Handler
	expiry  *events.Expiry
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "inventory", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		s := store.New(outbox.NewWriter("inventory", func(string, outbox.Record) ([]byte, error) { return []byte{0}, nil }))
		test(&fixture{T: t, db: db, store: s, handler: events.NewHandler(s, hold), expiry: events.NewExpiry(db, s)})
	})
}

func (f *fixture) create(id string, pieces int64) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		w := f.store.Begin(tx)
		p, events := inventory.Create(inventory.NewProduct{ID: id, SKU: id, Name: id, Price: 1, Currency: "KRW", InitialStock: pieces}, "u1", w.Now())
		w.Add(p)
		if err := w.RecordProduct(store.Cause{}, events...); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
}

func (f *fixture) try(batch ...inbox.Message) error {
	return f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return f.handler.Handle(ctx, tx, batch) })
}

func (f *fixture) handle(batch ...inbox.Message) {
	f.Helper()
	if err := f.try(batch...); err != nil {
		f.Fatal(err)
	}
}

func message(key string, data interface{ RecordName() string }) inbox.Message {
	return inbox.Message{
		Record: kafka.Record{Topic: schemas.OrderEvents, Key: key},
		ID:     "id-of-" + key, Type: data.RecordName(), TraceParent: "trace-of-" + key, Data: data,
	}
}

func placed(id string, items ...orderv1.OrderItem) inbox.Message {
	return message(id, &orderv1.OrderPlaced{OrderID: id, Items: items})
}

func confirmed(id string, items ...orderv1.OrderItem) inbox.Message {
	return message(id, &orderv1.OrderConfirmed{OrderID: id, Items: items})
}

func cancelled(id string) inbox.Message {
	return message(id, &orderv1.OrderCancelled{OrderID: id})
}

func item(product string, quantity int32) orderv1.OrderItem {
	return orderv1.OrderItem{ProductID: product, Quantity: quantity}
}

// said lists what was said about a key, by type.
func (f *fixture) said(key string) string {
	f.Helper()
	log, err := outbox.Log(f.Context(), f.db, schemas.InventoryEvents, key)
	if err != nil {
		f.Fatal(err)
	}
	var types []string
	for _, row := range log {
		types = append(types, strings.TrimPrefix(row.Type, "orderflow.inventory.v1."))
	}
	return strings.Join(types, " ")
}

func (f *fixture) levels(id string) string {
	f.Helper()
	p, err := store.GetProduct(f.Context(), f.db, id)
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprintf("on_hand %d reserved %d", p.Stock.OnHand, p.Stock.Reserved)
}

// stockAddsUp runs the checks that read no event.
func (f *fixture) stockAddsUp() {
	f.Helper()
	for _, c := range store.Checks(nil)[:3] {
		result, err := c.Run(f.Context(), f.db)
		if err != nil || len(result.Violations) > 0 {
			f.Fatalf("%s: %v, %v", c.Name, result.Violations, err)
		}
	}
}
