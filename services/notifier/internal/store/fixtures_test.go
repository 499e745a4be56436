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
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/schemas/notificationv1"
	"orderflow.example/schemas/orderv1"
)

// fixture is a migrated database and a store on it.
type fixture struct {
	*testing.T
	db    *sqldb.DB
	store *store.Store
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "notifier", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		test(&fixture{T: t, db: db, store: store.New(outbox.NewWriter("notifier", encode))})
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
	empty := notificationv1.Events[e.Type]
	if empty == nil {
		return nil, fmt.Errorf("no event %s", e.Type)
	}
	event := empty()
	return event, json.Unmarshal(e.Data, event)
}

var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// note makes a notification of a payment's fact, to be told by e-mail and webhook.
func note(factID, orderID, userID string, createdAt time.Time) *notifier.Notification {
	fact := notifier.Fact{
		ID: factID, Type: (*orderv1.OrderPaid)(nil).RecordName(), OrderID: orderID, OrderNumber: "ORD-" + orderID, UserID: userID,
		Name: "Kim", Email: userID + "@example.com", Amount: 25000, Currency: "KRW", OccurredAt: createdAt,
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	to := []notifier.Address{{Channel: "email", Recipient: fact.Email}, {Channel: "webhook", Recipient: "https://hook.example/x"}}
	return notifier.New(fact, to, outbox.NewID, createdAt)
}

func (f *fixture) add(notifications ...*notifier.Notification) {
	f.Helper()
	sqldbtest.Tx(f, f.db, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.Add(ctx, tx, notifications) })
}

func (f *fixture) end(outcome notifier.Outcome) {
	f.Helper()
	sqldbtest.Tx(f, f.db, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.End(ctx, tx, outcome) })
}

// sent ends all deliveries of a notification well.
func (f *fixture) sent(n *notifier.Notification) {
	f.Helper()
	for _, d := range n.Deliveries {
		f.end(notifier.Outcome{DeliveryID: d.ID, Attempts: 1})
	}
}

func (f *fixture) get(id string) *notifier.Notification {
	f.Helper()
	n, err := store.Get(f.Context(), f.db, store.AnyOwner, id)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

func (f *fixture) exec(query string, args ...any) {
	f.Helper()
	if _, err := f.db.ExecContext(f.Context(), query, args...); err != nil {
		f.Fatal(err)
	}
}
