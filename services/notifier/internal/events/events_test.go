package events_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/notifier/internal/channel"
	"orderflow.example/notifier/internal/channel/channeltest"
	"orderflow.example/notifier/internal/events"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/schemas/orderv1"
)

// fixture is a handler with an e-mail and a webhook channel, or those named.
type fixture struct {
	*testing.T
	db      *sqldb.DB
	handler *events.Handler
}

func each(t *testing.T, test func(f *fixture), channels ...string) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		if err := sqldb.Migrate(t.Context(), db, "notifier", store.Migrations()); err != nil {
			t.Fatal(err)
		}
		email, err := channel.NewEmail(channel.EmailConfig{Addr: "127.0.0.1:1", From: "a@b.example", TLS: "none", Timeout: time.Second, Sessions: 1})
		if err != nil {
			t.Fatal(err)
		}
		webhook, err := channel.NewWebhook(channel.WebhookConfig{URL: "https://hook.example/x", Secret: channeltest.Secret, Timeout: time.Second, Connections: 1})
		if err != nil {
			t.Fatal(err)
		}
		var enabled []channel.Channel
		for _, c := range []channel.Channel{email, webhook} {
			if len(channels) == 0 || slices.Contains(channels, c.Name()) {
				enabled = append(enabled, c)
			}
		}
		s := store.New(outbox.NewWriter("notifier", func(_ string, r outbox.Record) ([]byte, error) { return json.Marshal(r) }))
		test(&fixture{T: t, db: db, handler: events.NewHandler(s, enabled)})
	})
}

func message(id string, event notifier.Event) inbox.Message {
	return inbox.Message{ID: id, Type: event.RecordName(), Data: event, TraceParent: "trace-of-" + id}
}

func paid(orderID, email string) *orderv1.OrderPaid {
	e := &orderv1.OrderPaid{OrderID: orderID, OrderNumber: "ORD-" + orderID, UserID: "u1", Total: 100, Currency: "KRW", OccurredAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	if email != "" {
		e.CustomerEmail = &email
	}
	return e
}

func (f *fixture) handle(batch ...inbox.Message) error {
	return f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return f.handler.Handle(ctx, tx, batch) })
}

// told lists "fact channel recipient" of all deliveries.
func (f *fixture) told(want ...string) {
	f.Helper()
	all, err := store.List(f.Context(), f.db, store.Filter{Limit: 100})
	if err != nil {
		f.Fatal(err)
	}
	var got []string
	for _, n := range all {
		if n.Fact.TraceParent != "trace-of-"+n.Fact.ID {
			f.Errorf("%s has the trace %q", n.Fact.ID, n.Fact.TraceParent)
		}
		for _, d := range n.Deliveries {
			got = append(got, n.Fact.ID+" "+d.Channel+" "+d.Recipient)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		f.Errorf("told %q, want %q", got, want)
	}
	queued := int64(0)
	for _, c := range []string{"email", "webhook"} {
		n, err := jobs.Unfinished(f.Context(), f.db, store.JobKind(c))
		if err != nil {
			f.Fatal(err)
		}
		queued += n
	}
	if int(queued) != len(want) {
		f.Errorf("%d jobs, want %d", queued, len(want))
	}
}

func TestEveryOrderEventIsEitherHandledOrIgnored(t *testing.T) {
	all := append(events.Handles(), events.Ignores()...)
	for name := range orderv1.Events {
		if !slices.Contains(all, name) {
			t.Errorf("%s is neither handled nor ignored", name)
		}
	}
	if len(all) != len(orderv1.Events) {
		t.Errorf("%d types are named, and there are %d", len(all), len(orderv1.Events))
	}
}

func TestABatchWithAndWithoutRecipients(t *testing.T) {
	each(t, func(f *fixture) {
		if err := f.handle(message("f1", paid("o1", "kim@example.com")), message("f2", paid("o2", ""))); err != nil {
			f.Fatal(err)
		}
		f.told("f1 email kim@example.com", "f1 webhook https://hook.example/x", "f2 webhook https://hook.example/x")
	})
}

func TestAFactThatReachesNobodyIsNoNotification(t *testing.T) {
	each(t, func(f *fixture) {
		if err := f.handle(message("f1", paid("o1", "")), message("f2", paid("o2", "lee@example.com")), message("f3", paid("o3", ""))); err != nil {
			f.Fatal(err)
		}
		f.told("f2 email lee@example.com")
	}, "email")
}

func TestDuplicatesOfAFactAreToldOnce(t *testing.T) {
	each(t, func(f *fixture) {
		fact := message("f1", paid("o1", ""))
		for range 2 {
			if err := f.handle(fact, fact); err != nil {
				f.Fatal(err)
			}
		}
		f.told("f1 webhook https://hook.example/x")
	})
}

func TestAMessageThatIsNoFactIsRefused(t *testing.T) {
	each(t, func(f *fixture) {
		err := f.handle(message("f1", paid("o1", "")), message("f2", &orderv1.OrderPlaced{}))
		if err == nil || !strings.Contains(err.Error(), "*orderv1.OrderPlaced calls for no notification") {
			f.Errorf("got %v", err)
		}
		f.told()
	})
}
