package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/schemas"
)

func TestANotificationIsReadAsItWasAdded(t *testing.T) {
	each(t, func(f *fixture) {
		n := note("fact", "o1", "u1", at)
		f.add(n)
		if got := f.get(n.ID); !reflect.DeepEqual(got, n) {
			f.Errorf("got %+v, want %+v", got, n)
		}
		for _, d := range n.Deliveries {
			if got, err := store.OfDelivery(f.Context(), f.db, d.ID); err != nil || !reflect.DeepEqual(got, n) {
				f.Errorf("of delivery %s: %+v, %v", d.ID, got, err)
			}
			if queued, err := jobs.Unfinished(f.Context(), f.db, store.JobKind(d.Channel)); err != nil || queued != 1 {
				f.Errorf("%s: %d jobs, %v", d.Channel, queued, err)
			}
		}
		if got, err := store.OfDelivery(f.Context(), f.db, "none"); got != nil || err != nil {
			f.Errorf("of no delivery: %v, %v", got, err)
		}
	})
}

func TestAFactIsToldOnce(t *testing.T) {
	each(t, func(f *fixture) {
		first := note("fact", "o1", "u1", at)
		f.add(first, note("fact", "o1", "u1", at), note("other", "o1", "u1", at)) // twice in a batch
		f.add(note("fact", "o1", "u1", at))                                       // and again later
		f.add()
		if n, err := store.Count(f.Context(), f.db, store.Filter{}); err != nil || n != 2 {
			f.Errorf("%d notifications, %v", n, err)
		}
		if queued, err := jobs.Unfinished(f.Context(), f.db, store.JobKind("email")); err != nil || queued != 2 {
			f.Errorf("%d mails queued, %v", queued, err)
		}
		f.get(first.ID)
	})
}

func TestTheLastEndWritesTheEvent(t *testing.T) {
	for name, c := range map[string]struct {
		failure string
		status  notifier.Status
		event   string
	}{
		"all sent":   {"", notifier.Sent, "orderflow.notification.v1.NotificationSent"},
		"one failed": {"the receiver answered 410", notifier.Failed, "orderflow.notification.v1.NotificationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(f *fixture) {
				n := note("fact", "o1", "u1", at)
				f.add(n)
				f.end(notifier.Outcome{DeliveryID: n.Deliveries[0].ID, Attempts: 1})
				if log := f.log(n.ID); len(log) != 0 {
					f.Fatalf("one of two ended, and there are %d events", len(log))
				}
				last := notifier.Outcome{DeliveryID: n.Deliveries[1].ID, Attempts: 3, Failure: c.failure}
				f.end(last)
				f.end(last) // nor does a second end add one
				f.end(notifier.Outcome{DeliveryID: last.DeliveryID, Attempts: 4, Failure: "late"})
				f.end(notifier.Outcome{DeliveryID: "none", Attempts: 1})

				got := f.get(n.ID)
				d := got.Deliveries[1]
				if d.Status != c.status || d.Attempts != 3 || d.LastError != c.failure || (d.SentAt == nil) != (c.failure != "") || got.Sequence != 1 {
					f.Errorf("got %+v", got)
				}
				log := f.log(n.ID)
				if len(log) != 1 {
					f.Fatalf("%d events", len(log))
				}
				row := log[0]
				if row.Type != c.event || row.Sequence != 1 || row.CausationID != "fact" || row.CorrelationID != "o1" || row.TraceParent != n.Fact.TraceParent {
					f.Errorf("event %+v", row)
				}
			})
		})
	}
}

func (f *fixture) log(key string) []outbox.Row {
	f.Helper()
	log, err := outbox.Log(f.Context(), f.db, schemas.NotificationEvents, key)
	if err != nil {
		f.Fatal(err)
	}
	return log
}

// The channels' workers end deliveries of one notification at the same time: one of them, and only one, is the last.
func TestDeliveriesThatEndTogetherMakeOneEvent(t *testing.T) {
	each(t, func(f *fixture) {
		var notes []*notifier.Notification
		for i := range 30 {
			notes = append(notes, note(fmt.Sprint("fact", i), fmt.Sprint("o", i), "u1", at))
		}
		f.add(notes...)
		var ends sync.WaitGroup
		for _, n := range notes {
			for _, d := range n.Deliveries {
				ends.Go(func() {
					if err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
						return f.store.End(ctx, tx, notifier.Outcome{DeliveryID: d.ID, Attempts: 1})
					}); err != nil {
						f.Error(err)
					}
				})
			}
		}
		ends.Wait()
		for _, n := range notes {
			if log := f.log(n.ID); len(log) != 1 {
				f.Errorf("notification %s has %d events", n.ID, len(log))
			}
		}
		f.verify()
	})
}

func TestNotedFailures(t *testing.T) {
	each(t, func(f *fixture) {
		n := note("fact", "o1", "u1", at)
		f.add(n)
		id := n.Deliveries[0].ID
		noted := func(attempts int, failure string) {
			if err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				return store.NoteFailure(ctx, tx, id, attempts, failure)
			}); err != nil {
				f.Fatal(err)
			}
		}
		noted(2, "the receiver answered 503")
		noted(1, "late") // of a worker that was thought dead
		if d := f.get(n.ID).Deliveries[0]; d.Status != notifier.Pending || d.Attempts != 2 || d.LastError != "the receiver answered 503" {
			f.Errorf("got %+v", d)
		}
		f.end(notifier.Outcome{DeliveryID: id, Attempts: 3})
		noted(4, "too late")
		if d := f.get(n.ID).Deliveries[0]; d.Status != notifier.Sent || d.Attempts != 3 || d.LastError != "" {
			f.Errorf("got %+v", d)
		}
	})
}

func TestAnotherOwnersNotificationIsNotThere(t *testing.T) {
	each(t, func(f *fixture) {
		n := note("fact", "o1", "u1", at)
		f.add(n)
		for owner, found := range map[string]bool{store.AnyOwner: true, "u1": true, "u2": false} {
			_, err := store.Get(f.Context(), f.db, owner, n.ID)
			if found != (err == nil) || !found && !errors.Is(err, store.NotFound(n.ID)) {
				f.Errorf("owner %q: %v", owner, err)
			}
		}
		if _, err := store.Get(f.Context(), f.db, store.AnyOwner, "none"); errs.From(err).Code != errs.NotFound {
			f.Errorf("none: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(f *fixture) {
		// b and c are of one instant: the id decides.
		a, b, c, d := note("fa", "o1", "u1", at), note("fb", "o1", "u1", at.Add(time.Second)), note("fc", "o2", "u2", at.Add(time.Second)), note("fd", "o3", "u1", at.Add(time.Minute))
		for n, id := range map[*notifier.Notification]string{a: "a", b: "b", c: "c", d: "d"} {
			n.ID = id
		}
		f.add(c, a, d, b)
		for name, test := range map[string]struct {
			filter store.Filter
			want   string
			total  int64
		}{
			"all":             {store.Filter{Limit: 9}, "d c b a", 4},
			"first two":       {store.Filter{Limit: 2}, "d c", 4},
			"after c":         {store.Filter{Limit: 9, After: &store.Position{At: c.CreatedAt, ID: "c"}}, "b a", 4},
			"after the last":  {store.Filter{Limit: 9, After: &store.Position{At: at, ID: "a"}}, "", 4},
			"of an order":     {store.Filter{Limit: 9, OrderID: "o1"}, "b a", 2},
			"of a user":       {store.Filter{Limit: 9, UserID: "u2"}, "c", 1},
			"of an owner":     {store.Filter{Limit: 9, Owner: "u1"}, "d b a", 3},
			"another's order": {store.Filter{Limit: 9, Owner: "u1", OrderID: "o2"}, "", 0},
			"another user's":  {store.Filter{Limit: 9, Owner: "u1", UserID: "u2"}, "", 0},
		} {
			found, err := store.List(f.Context(), f.db, test.filter)
			if err != nil {
				f.Fatal(err)
			}
			var ids []string
			for _, n := range found {
				ids = append(ids, n.ID)
				if len(n.Deliveries) != 2 || n.Deliveries[0].Channel != "email" {
					f.Errorf("%s: deliveries of %s: %+v", name, n.ID, n.Deliveries)
				}
			}
			if !slices.Equal(ids, strings.Fields(test.want)) {
				f.Errorf("%s: %v, want %s", name, ids, test.want)
			}
			if total, err := store.Count(f.Context(), f.db, test.filter); err != nil || total != test.total {
				f.Errorf("%s: %d in all, %v; want %d", name, total, err, test.total)
			}
		}
	})
}
