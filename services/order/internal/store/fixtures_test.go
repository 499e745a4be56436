package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// fixture is a migrated database and a clock that the test moves.
type fixture struct {
	*testing.T
	db    *sqldb.DB
	store *store.Store
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "order", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		test(&fixture{T: t, db: db, store: store.New(outbox.NewWriter("order", encode))})
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
	empty := orderv1.Events[e.Type]
	if empty == nil {
		return nil, fmt.Errorf("no event %s", e.Type)
	}
	event := empty()
	return event, json.Unmarshal(e.Data, event)
}

var products = map[string]order.Product{
	"p1": {ID: "p1", SKU: "S1", Name: "Tea", Price: 1000, Currency: "KRW", Version: 1},
	"p2": {ID: "p2", SKU: "S2", Name: "Cup", Price: 250, Currency: "KRW", Version: 1},
}

// work runs fn in a unit of work and flushes it.
func (f *fixture) work(fn func(ctx context.Context, w *store.Work) error) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		w := f.store.Begin(tx)
		if err := fn(ctx, w); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
}

// place stores a new order of 1,000 KRW a piece.
func (f *fixture) place(id, user string, quantity int32) {
	f.Helper()
	f.work(func(_ context.Context, w *store.Work) error {
		nonce++
		event, err := order.Place(order.Placement{
			ID: id, Nonce: nonce, UserID: user, Items: []order.Line{{ProductID: "p1", Quantity: quantity}}, Notes: "ring twice",
		}, products, w.Now())
		if err != nil {
			return err
		}
		return w.Record(&order.Order{}, store.Cause{}, event)
	})
}

var nonce uint32

// react lets other services' events happen to an order, as the events room does.
func (f *fixture) react(id string, events ...order.Event) {
	f.Helper()
	for _, in := range events {
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.Load(ctx, store.AnyOwner, id); err != nil {
				return err
			}
			return w.Record(w.Order(id), store.Cause{EventID: "cause"}, order.React(w.Order(id), in, w.Now())...)
		})
	}
}

func (f *fixture) get(id string) *order.Order {
	f.Helper()
	o, err := store.Get(f.Context(), f.db, store.AnyOwner, id)
	if err != nil {
		f.Fatal(err)
	}
	return o
}

func untilPaid(id string) []order.Event {
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	return []order.Event{
		&inventoryv1.StockReserved{OrderID: id, OccurredAt: at},
		&paymentv1.PaymentAuthorized{OrderID: id, PaymentID: "pay", OccurredAt: at},
		&inventoryv1.StockCommitted{OrderID: id, OccurredAt: at},
		&paymentv1.PaymentCaptured{OrderID: id, PaymentID: "pay", ProviderReference: "ref", OccurredAt: at},
	}
}
