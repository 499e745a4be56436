package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
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
		if err := sqldb.Migrate(t.Context(), db, "payment", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		test(&fixture{T: t, db: db, store: store.New(outbox.NewWriter("payment", encode))})
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
	empty := paymentv1.Events[e.Type]
	if empty == nil {
		return nil, fmt.Errorf("no event %s", e.Type)
	}
	event := empty()
	return event, json.Unmarshal(e.Data, event)
}

// work runs fn on the order's payment in a unit of work and flushes it.
func (f *fixture) work(orderID string, fn func(p *payment.Payment, now time.Time) ([]payment.Event, error)) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		w := f.store.Begin(tx)
		if err := w.Load(ctx, orderID); err != nil {
			return err
		}
		p := w.Payment(orderID)
		events, err := fn(p, w.Now())
		if err != nil {
			return err
		}
		if err := w.Record(p, store.Cause{EventID: "cause", TraceParent: "trace"}, events...); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
}

// request asks for a payment of 2,250 KRW.
func (f *fixture) request(orderID string) {
	f.Helper()
	token := "tok_ok"
	f.work(orderID, func(p *payment.Payment, now time.Time) ([]payment.Event, error) {
		e := &orderv1.PaymentRequested{OrderID: orderID, UserID: "u1", Amount: 2250, Currency: "KRW", PaymentToken: &token}
		return nil, payment.Request(p, "pay-"+orderID, e, now)
	})
}

func (f *fixture) requestCapture(orderID string) {
	f.Helper()
	f.work(orderID, func(p *payment.Payment, now time.Time) ([]payment.Event, error) {
		return nil, payment.RequestCapture(p, &orderv1.PaymentCaptureRequested{OrderID: orderID, Amount: 2250, Currency: "KRW"}, now)
	})
}

func (f *fixture) requestRefund(orderID, id string, amount int64) {
	f.Helper()
	f.work(orderID, func(p *payment.Payment, now time.Time) ([]payment.Event, error) {
		return payment.RequestRefund(p, &orderv1.RefundRequested{OrderID: orderID, RefundID: id, Amount: amount, Currency: "KRW"}, now)
	})
}

func (f *fixture) cancel(orderID string) {
	f.Helper()
	f.work(orderID, func(p *payment.Payment, now time.Time) ([]payment.Event, error) {
		e := &orderv1.OrderCancelled{OrderID: orderID, UserID: "u1", Total: 2250, Currency: "KRW"}
		return payment.Cancel(p, "pay-"+orderID, e, now), nil
	})
}

// settle ends the next operation with the result.
func (f *fixture) settle(orderID string, result payment.Result) {
	f.Helper()
	f.work(orderID, func(p *payment.Payment, now time.Time) ([]payment.Event, error) {
		op, more := p.Next()
		if !more {
			return nil, fmt.Errorf("order %s: nothing to do", orderID)
		}
		return payment.Settle(p, op, payment.Outcome{
			Result: result, Provider: "bank", Reference: "ref-" + orderID, Amount: op.Amount, Code: "no", Reason: "No.",
		}, now)
	})
}

// captured brings a payment there.
func (f *fixture) captured(orderID string) {
	f.Helper()
	f.request(orderID)
	f.settle(orderID, payment.Succeeded)
	f.requestCapture(orderID)
	f.settle(orderID, payment.Succeeded)
}

func (f *fixture) get(orderID string) *payment.Payment {
	f.Helper()
	p, err := store.GetByOrder(f.Context(), f.db, orderID)
	if err != nil {
		f.Fatal(err)
	}
	if p == nil {
		f.Fatalf("order %s has no payment", orderID)
	}
	return p
}

// execAll runs statements that semicolons part.
func (f *fixture) execAll(statements string) {
	f.Helper()
	for statement := range strings.SplitSeq(statements, "; ") {
		if _, err := f.db.ExecContext(f.Context(), statement); err != nil {
			f.Fatalf("%s: %v", statement, err)
		}
	}
}

// violations runs every check and returns what is broken, by the check's name.
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
