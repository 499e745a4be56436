package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/events"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

func TestEveryOrderEventIsEitherHandledOrIgnored(t *testing.T) {
	named := slices.Sorted(slices.Values(append(events.Handles(), events.Ignores()...)))
	if all := slices.Sorted(maps.Keys(orderv1.Events)); !slices.Equal(named, all) {
		t.Errorf("named %v\nthere are %v", named, all)
	}
}

type fixture struct {
	*testing.T
	db      *sqldb.DB
	handler *events.Handler
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "payment", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		encode := func(_ string, r outbox.Record) ([]byte, error) { return json.Marshal(r) }
		test(&fixture{T: t, db: db, handler: events.NewHandler(store.New(outbox.NewWriter("payment", encode)))})
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

// payment tells status and wish of an order's payment, in short.
func (f *fixture) payment(orderID string) string {
	f.Helper()
	p, err := store.GetByOrder(f.Context(), f.db, orderID)
	if err != nil {
		f.Fatal(err)
	}
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%s wants %s", p.Status, p.Desired)
}

func (f *fixture) jobs() int64 {
	f.Helper()
	n, err := jobs.Unfinished(f.Context(), f.db, worker.Kind)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

func message(orderID string, event payment.Event) inbox.Message {
	return inbox.Message{
		Record: kafka.Record{Topic: schemas.OrderEvents, Key: orderID}, Type: event.RecordName(), Data: event,
		ID: "id-of-" + orderID, TraceParent: "trace-of-" + orderID,
	}
}

func request(orderID string) inbox.Message {
	token := "tok_ok"
	return message(orderID, &orderv1.PaymentRequested{OrderID: orderID, UserID: "u1", Amount: 2250, Currency: "KRW", PaymentToken: &token})
}

func capture(orderID string, amount int64) inbox.Message {
	return message(orderID, &orderv1.PaymentCaptureRequested{OrderID: orderID, Amount: amount, Currency: "KRW"})
}

func cancel(orderID string) inbox.Message {
	return message(orderID, &orderv1.OrderCancelled{OrderID: orderID, UserID: "u1", Total: 2250, Currency: "KRW"})
}

func refund(orderID string) inbox.Message {
	return message(orderID, &orderv1.RefundRequested{OrderID: orderID, RefundID: "r1", Amount: 1, Currency: "KRW"})
}

// A batch is one unit of work: its messages see each other's effects, in order, and each payment with something to be
// done has one job.
func TestBatch(t *testing.T) {
	each(t, func(f *fixture) {
		f.handle(
			request("o1"),
			request("o2"), cancel("o2"),
			cancel("o3"), request("o3"), // a tombstone: nothing is to be done
			request("o4"), capture("o4", 2000), refund("o4"), // nothing is captured yet
			request("o5"), request("o5"),
		)
		for id, want := range map[string]string{
			"o1": "PENDING wants AUTHORIZED", "o2": "PENDING wants VOIDED", "o3": "VOIDED wants VOIDED",
			"o4": "PENDING wants CAPTURED", "o5": "PENDING wants AUTHORIZED",
		} {
			if got := f.payment(id); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
		if n := f.jobs(); n != 4 {
			t.Errorf("%d jobs", n)
		}
		log, err := outbox.Log(t.Context(), f.db, schemas.PaymentEvents, "o4")
		if err != nil || len(log) != 1 || !strings.HasSuffix(log[0].Type, "PaymentRefundFailed") || log[0].CausationID != "id-of-o4" ||
			log[0].CorrelationID != "o4" || log[0].TraceParent != "trace-of-o4" {
			t.Errorf("%+v, %v", log, err)
		}
	})
}

// A message that makes no sense is refused by its index, and nothing of the batch is written.
func TestNonsenseIsRefusedByIndex(t *testing.T) {
	each(t, func(f *fixture) {
		foreign := request("o3")
		foreign.Key = "another"
		err := f.try(
			request("o1"),
			capture("o1", 2251),
			foreign,
			capture("o2", 1),
			message("o4", &orderv1.OrderPaid{OrderID: "o4"}),
			refund("o5"),
		)
		if err == nil {
			t.Fatal("all were handled")
		}
		for _, part := range []string{
			"message 1", "a capture of 2251 KRW of a payment of 2250 KRW",
			"message 2", `orderflow.order.v1.PaymentRequested of order "o3" has the key "another"`,
			"message 3", "no payment was asked for before its capture",
			"message 4", "orderflow.order.v1.OrderPaid is not handled here",
			"message 5", "no payment was asked for before its refund",
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v does not say %q", err, part)
			}
		}
		if strings.Contains(err.Error(), "message 0") || f.payment("o1") != "none" || f.jobs() != 0 {
			t.Errorf("%v, %s, %d jobs", err, f.payment("o1"), f.jobs())
		}
	})
}

func TestFiveHundredRequests(t *testing.T) {
	each(t, func(f *fixture) {
		var batch []inbox.Message
		for i := range 500 {
			batch = append(batch, request(fmt.Sprintf("o%03d", i)))
		}
		f.handle(batch...)
		f.handle(batch...) // once more changes nothing
		if n := f.jobs(); n != 500 {
			t.Errorf("%d jobs", n)
		}
		if n, err := store.Count(t.Context(), f.db, store.Filter{Status: payment.Pending}); n != 500 || err != nil {
			t.Errorf("%d payments, %v", n, err)
		}
	})
}
