package delivery_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/notifier/internal/channel"
	"orderflow.example/notifier/internal/channel/channeltest"
	"orderflow.example/notifier/internal/delivery"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

const attempts = 3

// rig is a database with a clock that the test moves, and a worker per channel with a real receiver behind it.
type rig struct {
	*testing.T
	db       *sqldb.DB
	store    *store.Store
	clock    time.Time
	metrics  *prometheus.Registry
	mail     *channeltest.MailServer
	hook     *channeltest.Receiver
	channels []channel.Channel
	cfg      delivery.Config
	mails    *jobs.Worker
	hooks    *jobs.Worker
}

func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLiteURL, "postgres": sqldbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) { test(start(t, url(t))) })
	}
}

func start(t *testing.T, url string) *rig {
	t.Helper()
	r := &rig{
		T: t, clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), metrics: prometheus.NewRegistry(),
		mail: channeltest.NewMailServer(t), hook: channeltest.NewReceiver(t),
	}
	r.db = sqldbtest.Open(t, sqldb.Config{URL: url, Now: func() time.Time { return r.clock }})
	if err := sqldb.Migrate(t.Context(), r.db, "notifier", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	r.store = store.New(outbox.NewWriter("notifier", func(_ string, e outbox.Record) ([]byte, error) { return json.Marshal(e) }))
	email, err := channel.NewEmail(channel.EmailConfig{Addr: r.mail.Addr, From: "orders@orderflow.example", TLS: "none", Timeout: 20 * time.Second, Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := channel.NewWebhook(channel.WebhookConfig{URL: r.hook.URL, Secret: channeltest.Secret, Timeout: 20 * time.Second, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	r.channels = []channel.Channel{email, webhook}
	t.Cleanup(func() { _, _ = email.Close(), webhook.Close() }) // neither ever fails
	r.cfg = delivery.Config{
		DB: r.db, Store: r.store, Counters: delivery.NewCounters(r.metrics), Concurrency: 2, Attempts: attempts, Timeout: 20 * time.Second,
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }, Log: slog.New(slog.DiscardHandler),
	}
	r.mails, r.hooks = delivery.NewWorker(r.cfg, email), delivery.NewWorker(r.cfg, webhook)
	return r
}

// tell queues the notification of a paid order.
func (r *rig) tell(orderID string) *notifier.Notification {
	r.Helper()
	fact := notifier.Fact{
		ID: "fact-" + orderID, Type: (*orderv1.OrderPaid)(nil).RecordName(), OrderID: orderID, OrderNumber: "ORD1", UserID: "u1",
		Email: "kim@example.com", Amount: 25000, Currency: "KRW", OccurredAt: r.clock,
	}
	var to []notifier.Address
	for _, c := range r.channels {
		to = append(to, c.Addresses(fact)...)
	}
	n := notifier.New(fact, to, outbox.NewID, r.clock)
	sqldbtest.Tx(r, r.db, func(ctx context.Context, tx *sqldb.Tx) error {
		return r.store.Add(ctx, tx, []*notifier.Notification{n})
	})
	return n
}

// due runs what is due and wants that many tries.
func (r *rig) due(w *jobs.Worker, want int) {
	r.Helper()
	if ran, err := w.RunDue(r.Context()); err != nil || ran != want {
		r.Errorf("%d tries, %v; want %d", ran, err, want)
	}
}

// on is a notification's delivery on a channel, as stored.
func (r *rig) on(channel string, n *notifier.Notification) notifier.Delivery {
	r.Helper()
	stored, err := store.Get(r.Context(), r.db, store.AnyOwner, n.ID)
	if err != nil {
		r.Fatal(err)
	}
	for _, d := range stored.Deliveries {
		if d.Channel == channel {
			return d
		}
	}
	r.Fatalf("no delivery on %s", channel)
	return notifier.Delivery{}
}

// want checks a delivery.
func (r *rig) want(channel string, n *notifier.Notification, status notifier.Status, attempts int, failure string) {
	r.Helper()
	d := r.on(channel, n)
	if d.Status != status || d.Attempts != attempts || d.LastError != failure || (d.SentAt != nil) != (status == notifier.Sent) {
		r.Errorf("%s: %+v, want %s after %d tries, %q", channel, d, status, attempts, failure)
	}
}

// event is the type of the notification's event; empty when there is none yet.
func (r *rig) event(n *notifier.Notification) string {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.db, schemas.NotificationEvents, n.ID)
	if err != nil || len(log) > 1 {
		r.Fatalf("%d events, %v", len(log), err)
	}
	if len(log) == 0 {
		return ""
	}
	return log[0].Type
}

// counted checks a counter.
func (r *rig) counted(name string, want int) {
	r.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	got := 0.0
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				got += m.GetCounter().GetValue()
			}
		}
	}
	if int(got) != want {
		r.Errorf("%s is %v, want %d", name, got, want)
	}
}

// dies is a channel whose process ends once a message is sent.
type dies struct{ channel.Channel }

func (d dies) Send(ctx context.Context, letter channel.Letter) error {
	if err := d.Channel.Send(ctx, letter); err != nil {
		return err
	}
	runtime.Goexit()
	return nil
}

// panics is a channel with a bug.
type panics struct{ channel.Channel }

func (panics) Send(context.Context, channel.Letter) error { panic("kim@example.com") }
