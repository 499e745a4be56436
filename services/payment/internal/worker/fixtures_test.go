package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/payment/internal/events"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// clock is one that the test moves.
type clock struct {
	sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.Lock()
	defer c.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.Lock()
	defer c.Unlock()
	c.at = c.at.Add(d)
}

// fixture is the service without its edges: events go into the handler, the worker is stepped, the provider is a fake.
type fixture struct {
	*testing.T
	*clock
	db       *sqldb.DB
	store    *store.Store
	provider *providertest.Provider
	client   *provider.Client
	worker   *worker.Worker
	jobs     *jobs.Worker
	judge    *worker.Judge
	notices  *jobs.Worker
}

func each(t *testing.T, test func(f *fixture)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(start(t, sqldbtest.SQLiteURL(t))) })
	t.Run("postgres", func(t *testing.T) { test(start(t, sqldbtest.PostgresURL(t))) })
}

func start(t *testing.T, url string) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: &clock{at: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)}}
	f.db = sqldbtest.Open(t, sqldb.Config{URL: url, Now: f.now})
	if err := sqldb.Migrate(t.Context(), f.db, "payment", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	f.store = store.New(outbox.NewWriter("payment", encode))
	f.provider = providertest.Start(t)
	var err error
	f.client, err = provider.New(provider.Config{
		URL: f.provider.URL, Treatment: provider.Treatment{Timeout: 250 * time.Millisecond, Breaker: provider.Breaker{Calls: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.client.Close)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	f.worker = worker.New(f.db, f.store, f.client, quiet)
	f.jobs = jobs.NewWorker(jobs.Config[*worker.Answer]{DB: f.db, Kind: worker.Kind, Handle: f.worker.Handle, Store: f.worker.Store, Log: quiet})
	f.judge = worker.NewJudge(f.db, quiet, nil)
	f.notices = jobs.NewWorker(jobs.Config[*store.Notice]{DB: f.db, Kind: worker.NoticeKind, Handle: f.judge.Handle, Store: f.judge.Store, Log: quiet})
	return f
}

// encode and decode stand in for Avro.
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
	event := paymentv1.Events[e.Type]()
	return event, json.Unmarshal(e.Data, event)
}

// says lets events of the order service arrive, in one batch.
func (f *fixture) says(messages ...inbox.Message) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		return events.NewHandler(f.store).Handle(ctx, tx, messages)
	})
}

func message(orderID string, event payment.Event) inbox.Message {
	return inbox.Message{
		Record: kafka.Record{Topic: schemas.OrderEvents, Key: orderID}, Type: event.RecordName(), Data: event,
		ID: event.RecordName()[len("orderflow.order.v1."):] + " of " + orderID, TraceParent: "trace of " + orderID,
	}
}

func request(orderID string) inbox.Message {
	return message(orderID, &orderv1.PaymentRequested{OrderID: orderID, UserID: "u1", Amount: 2250, Currency: "KRW"})
}

func capture(orderID string) inbox.Message {
	return message(orderID, &orderv1.PaymentCaptureRequested{OrderID: orderID, Amount: 2250, Currency: "KRW"})
}

func cancel(orderID string) inbox.Message {
	return message(orderID, &orderv1.OrderCancelled{OrderID: orderID, UserID: "u1", Total: 2250, Currency: "KRW"})
}

func refund(orderID, id string, amount int64) inbox.Message {
	return message(orderID, &orderv1.RefundRequested{OrderID: orderID, RefundID: id, Amount: amount, Currency: "KRW"})
}

// runs runs what is due once.
func (f *fixture) runs() int {
	f.Helper()
	n, err := f.jobs.RunDue(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return n
}

// rests runs everything until nothing is left, however long that takes on the clock.
func (f *fixture) rests() {
	f.Helper()
	for range 100 {
		left, err := jobs.Unfinished(f.Context(), f.db, worker.Kind)
		if err != nil {
			f.Fatal(err)
		}
		if left == 0 {
			return
		}
		if f.runs() == 0 {
			f.pass(10 * time.Second)
		}
	}
	f.Fatal("it never comes to rest")
}

func (f *fixture) get(orderID string) *payment.Payment {
	f.Helper()
	p, err := store.GetByOrder(f.Context(), f.db, orderID)
	if err != nil || p == nil {
		f.Fatalf("payment of order %s: %v, %v", orderID, p, err)
	}
	return p
}

// said are the types of the events about an order, in short.
func (f *fixture) said(orderID string) string {
	f.Helper()
	var types []string
	for _, row := range f.log(orderID) {
		types = append(types, row.Type[strings.LastIndex(row.Type, ".")+1:])
	}
	return strings.Join(types, " ")
}

// exec changes the database behind the service's back.
func (f *fixture) exec(statement string) {
	f.Helper()
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	})
}

func (f *fixture) log(orderID string) []outbox.Row {
	f.Helper()
	log, err := outbox.Log(f.Context(), f.db, schemas.PaymentEvents, orderID)
	if err != nil {
		f.Fatal(err)
	}
	return log
}

// misbehaves lets the provider treat the first n calls of a kind so.
func (f *fixture) misbehaves(kind string, n int, mode providertest.Mode) {
	f.provider.Lock()
	defer f.provider.Unlock()
	before := f.provider.Behave
	f.provider.Behave = func(c providertest.Call) providertest.Mode {
		if c.Kind == kind && n > 0 {
			n--
			return mode
		}
		if before != nil {
			return before(c)
		}
		return providertest.OK
	}
}

// moneyAddsUp compares payments, ledger, events and provider.
func (f *fixture) moneyAddsUp() {
	f.Helper()
	for _, c := range store.Checks(decode) {
		result, err := c.Run(f.Context(), f.db)
		if err != nil {
			f.Fatalf("%s: %v", c.Name, err)
		}
		for _, words := range result.Violations {
			f.Errorf("%s: %s", c.Name, words)
		}
	}
	byOrder := map[string]providertest.Payment{}
	for _, held := range f.provider.Payments() {
		if other, twice := byOrder[held.Reference]; twice {
			f.Errorf("order %s was authorised twice: %+v, %+v", held.Reference, other, held)
		}
		byOrder[held.Reference] = held
	}
	all, err := store.All(f.Context(), f.db)
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range all {
		theirs := byOrder[p.OrderID]
		ours := fmt.Sprintf("%d captured, %d voided, %d refunded", p.Captured, p.Voided, p.Refunded)
		if want := fmt.Sprintf("%d captured, %d voided, %d refunded", theirs.Captured, theirs.Voided, theirs.Refunded); ours != want {
			f.Errorf("order %s: %s, at the provider %s", p.OrderID, ours, want)
		}
		delete(byOrder, p.OrderID)
	}
	if len(byOrder) > 0 {
		f.Errorf("the provider alone knows %+v", byOrder)
	}
}
