package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/events"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

type fixture struct {
	*testing.T
	db      *sqldb.DB
	now     time.Time
	store   *store.Store
	handler *events.Handler
}

func open(t *testing.T) *fixture {
	f := &fixture{T: t, now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)}
	f.db = sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.SQLiteURL(t), Now: func() time.Time { return f.now }})
	if err := sqldb.Migrate(t.Context(), f.db, "order", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	f.store = store.New(outbox.NewWriter("order", func(_ string, r outbox.Record) ([]byte, error) { return json.Marshal(r) }))
	f.handler = events.NewHandler(f.store)
	return f
}

func (f *fixture) place(ids ...string) {
	f.Helper()
	products := map[string]order.Product{"p1": {ID: "p1", Price: 1000, Currency: "KRW", Version: 1}}
	sqldbtest.Tx(f.T, f.db, func(ctx context.Context, tx *sqldb.Tx) error {
		work := f.store.Begin(tx)
		for i, id := range ids {
			event, err := order.Place(order.Placement{ID: id, Nonce: uint32(i), UserID: "u1", Items: []order.Line{{ProductID: "p1", Quantity: 1}}}, products, tx.Now())
			if err != nil {
				return err
			}
			if err := work.Record(&order.Order{}, store.Cause{}, event); err != nil {
				return err
			}
		}
		return work.Flush(ctx)
	})
}

func (f *fixture) handle(batch ...inbox.Message) error {
	return f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return f.handler.Handle(ctx, tx, batch) })
}

func (f *fixture) get(id string) *order.Order {
	f.Helper()
	o, err := store.Get(f.Context(), f.db, store.AnyOwner, id)
	if err != nil {
		f.Fatal(err)
	}
	return o
}

func message(topic, key, id string, data order.Event) inbox.Message {
	return inbox.Message{
		Record: kafka.Record{Topic: topic, Key: key}, ID: id, Type: data.RecordName(), Source: "other", Time: time.Unix(1, 0), Data: data,
	}
}

// A batch drives several orders, one of them by several steps, and feeds the read model.
func TestBatch(t *testing.T) {
	f := open(t)
	f.place("o1", "o2")
	err := f.handle(
		message(schemas.InventoryEvents, "o1", "e1", &inventoryv1.StockReserved{OrderID: "o1"}),
		message(schemas.ProductEvents, "p1", "e2", &inventoryv1.ProductChanged{ProductID: "p1", Sku: "S1", Price: 7, Currency: "KRW", Version: 2}),
		message(schemas.PaymentEvents, "o1", "e3", &paymentv1.PaymentAuthorized{OrderID: "o1", PaymentID: "pay"}),
		message(schemas.InventoryEvents, "o2", "e4", &inventoryv1.StockRejected{OrderID: "o2", Reason: "sold out"}),
		message(schemas.InventoryEvents, "o2", "e5", &inventoryv1.StockReleased{OrderID: "o2"}),
		message(schemas.ProductEvents, "p1", "e6", &inventoryv1.ProductChanged{ProductID: "p1", Sku: "S1", Price: 5, Currency: "KRW", Version: 1}),
	)
	if err != nil {
		t.Fatal(err)
	}
	if o := f.get("o1"); o.Status != order.Confirmed || o.Version != 3 {
		t.Errorf("o1 is %s, version %d", o.Status, o.Version)
	}
	if o := f.get("o2"); o.Status != order.Cancelled || o.CancelReason != "sold out" {
		t.Errorf("o2 is %s: %s", o.Status, o.CancelReason)
	}
	found, err := store.Products(t.Context(), f.db, []string{"p1"})
	if err != nil || found["p1"].Price != 7 {
		t.Errorf("read model: %v, %v", found, err)
	}
	log, err := outbox.Log(t.Context(), f.db, schemas.OrderEvents, "o1")
	if err != nil || len(log) != 3 || log[1].CausationID != "e1" || log[2].CausationID != "e3" {
		t.Errorf("causes of o1's events: %+v, %v", log, err)
	}
	facts, err := store.Timeline(t.Context(), f.db, decodeCancelled, "o2")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, fact := range facts {
		ids = append(ids, fact.EventID)
	}
	if len(ids) != 4 || !slices.Contains(ids, "e4") || !slices.Contains(ids, "e5") {
		t.Errorf("the timeline must hold others' events, those without consequence too: %v", ids)
	}
}

func decodeCancelled(context.Context, string, []byte) (any, error) {
	return &orderv1.OrderCancelled{}, nil
}

func TestUnknownOrdersAreRefused(t *testing.T) {
	f := open(t)
	f.place("o1")
	known := message(schemas.InventoryEvents, "o1", "e2", &inventoryv1.StockReserved{OrderID: "o1"})
	err := f.handle(message(schemas.InventoryEvents, "o9", "e1", &inventoryv1.StockReserved{OrderID: "o9"}), known)
	if err == nil || f.get("o1").Version != 1 {
		t.Fatalf("nothing may be written when one is refused: %v", err)
	}
	alone := f.handle(message(schemas.InventoryEvents, "o9", "e1", &inventoryv1.StockReserved{OrderID: "o9"}))
	var e *errs.Error
	if !errors.As(alone, &e) || e.Code != errs.NotFound {
		t.Errorf("got %v", alone)
	}
	if err := f.handle(known); err != nil || f.get("o1").Version != 2 {
		t.Errorf("the other flows on: %v", err)
	}
}

// Each type of the consumed topics is handled or ignored, none both, and every event the saga waits for is handled.
func TestTypeListsAreComplete(t *testing.T) {
	listed := slices.Concat(events.Handles(), events.Ignores())
	var all []string
	for name := range inventoryv1.Events {
		all = append(all, name)
	}
	for name := range paymentv1.Events {
		all = append(all, name)
	}
	slices.Sort(listed)
	slices.Sort(all)
	if !slices.Equal(listed, all) {
		t.Errorf("listed %v\nthere are %v", listed, all)
	}
	for step := range order.DefaultLimits() {
		for name := range strings.SplitSeq(step.Awaits(), " or ") {
			if !slices.ContainsFunc(events.Handles(), func(handled string) bool { return strings.HasSuffix(handled, "."+name) }) {
				t.Errorf("%s waits for %s", step, name)
			}
		}
	}
}

func TestLimiter(t *testing.T) {
	f := open(t)
	metrics := prometheus.NewRegistry()
	var log bytes.Buffer
	limiter, err := events.NewLimiter(f.db, f.store, order.DefaultLimits(), slog.New(slog.NewTextHandler(&log, nil)), metrics)
	if err != nil {
		t.Fatal(err)
	}
	f.place("o1", "o2", "o3")
	fire := func(want int) {
		t.Helper()
		if _, err := f.db.ExecContext(t.Context(), "UPDATE outbox SET sent_at = time"); err != nil {
			t.Fatal(err)
		}
		if n, err := limiter.Fire(t.Context(), f.now); err != nil || n != want {
			t.Fatalf("fired %d, want %d: %v", n, want, err)
		}
	}
	for _, in := range []inbox.Message{
		message(schemas.InventoryEvents, "o2", "e1", &inventoryv1.StockReserved{}),
		message(schemas.InventoryEvents, "o3", "e2", &inventoryv1.StockReserved{}),
		message(schemas.PaymentEvents, "o3", "e3", &paymentv1.PaymentAuthorized{}),
	} {
		if err := f.handle(in); err != nil {
			t.Fatal(err)
		}
	}
	limit := func(step order.Step) time.Duration { return order.DefaultLimits()[step] }
	placed := f.now
	f.now = placed.Add(limit(order.ReserveStock) - time.Microsecond)
	fire(0)
	f.now = placed.Add(limit(order.ReserveStock))
	fire(1)
	f.now = placed.Add(limit(order.AuthorizePayment))
	fire(1)
	f.now = placed.Add(24 * time.Hour)
	fire(0) // the third is confirmed: its limit only alerts
	for id, want := range map[string]order.Status{"o1": order.Cancelled, "o2": order.Cancelled, "o3": order.Confirmed} {
		o := f.get(id)
		if o.Status != want || (want == order.Cancelled && o.CancelCause != orderv1.CancellationCauseTimeLimit) {
			t.Errorf("%s is %s, %s", id, o.Status, o.CancelCause)
		}
	}
	want := `# HELP saga_overdue Orders whose saga is in a step for longer than its time limit, and that need an operator.
# TYPE saga_overdue gauge
saga_overdue{step="CAPTURE_PAYMENT"} 0
saga_overdue{step="COMMIT_STOCK"} 1
saga_overdue{step="PAY_REFUND"} 0
saga_overdue{step="RETURN_MONEY"} 1
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "saga_overdue"); err != nil {
		t.Error(err)
	}
	fire(0)
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(lines[0], "operator") || !strings.Contains(lines[0], "step=COMMIT_STOCK orders=1") || !strings.Contains(lines[0], "oldest_order_id=o3") ||
		!strings.Contains(lines[1], "step=RETURN_MONEY orders=1") || !strings.Contains(lines[1], "oldest_order_id=o2 oldest_since=2026-") {
		t.Errorf("log %q", lines)
	}
}
