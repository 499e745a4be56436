package store_test

import (
	"fmt"
	"strings"
	"testing"

	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
)

// verify runs both checks and wants them to find just this; nothing when it is empty.
func (f *fixture) verify(want ...string) {
	f.Helper()
	var found []string
	for _, c := range store.Checks(decode) {
		result, err := c.Run(f.Context(), f.db)
		if err != nil {
			f.Fatalf("%s: %v", c.Name, err)
		}
		found = append(found, result.Violations...)
	}
	if len(found) != len(want) {
		f.Fatalf("found %q, want %q", found, want)
	}
	for i := range want {
		if !strings.Contains(found[i], want[i]) {
			f.Errorf("found %q, want %q", found[i], want[i])
		}
	}
	if strings.Contains(strings.Join(found, ""), "@example.com") {
		f.Errorf("a violation shows a recipient: %q", found)
	}
}

func TestChecksFindWhatWasTamperedWith(t *testing.T) {
	for name, c := range map[string]struct {
		tamper string // $1 is the notification
		want   string
	}{
		"attempts of a delivery":  {"UPDATE deliveries SET attempts = 7 WHERE notification_id = $1 AND channel = 'email'", "is not what its *notificationv1.NotificationSent tells"},
		"status of a delivery":    {"UPDATE deliveries SET status = 'FAILED' WHERE notification_id = $1 AND channel = 'email'", "is not what its"},
		"a delivery opened again": {"UPDATE deliveries SET status = 'PENDING' WHERE notification_id = $1 AND channel = 'email'", "has an event and a pending delivery"},
		"a delivery removed":      {"DELETE FROM deliveries WHERE notification_id = $1 AND channel = 'email'", "is not what its"},
		"the fact":                {`UPDATE notifications SET fact = '{"id":"other"}' WHERE id = $1`, "is not what its"},
		"the sequence":            {"UPDATE notifications SET sequence = 0 WHERE id = $1", "has a row at event 0 and a log at event 1"},
		"the event removed":       {"DELETE FROM outbox WHERE key = $1", "has ended and has no event"},
		"the row removed":         {"DELETE FROM deliveries WHERE notification_id = $1", "has an event and no row"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(f *fixture) {
				done, other, pending := note("f1", "o1", "u1", at), note("f2", "o2", "u1", at), note("f3", "o3", "u1", at)
				f.add(done, other, pending)
				f.sent(done)
				f.sent(other)
				f.end(notifier.Outcome{DeliveryID: pending.Deliveries[0].ID, Attempts: 1})
				f.verify()
				f.exec(c.tamper, done.ID)
				f.verify(done.ID + " " + c.want)
			})
		})
	}
}

func TestAnEndThatWroteNoEventIsFound(t *testing.T) {
	each(t, func(f *fixture) {
		n := note("f1", "o1", "u1", at)
		f.add(n)
		f.exec("UPDATE deliveries SET status = 'SENT' WHERE notification_id = $1", n.ID)
		f.verify(n.ID + " has ended and has no event")
	})
}

// The database itself refuses to tell a fact twice; the check does not rely on that.
func TestARepeatedDeliveryIsFound(t *testing.T) {
	each(t, func(f *fixture) {
		n := note("f1", "o1", "u1", at)
		f.add(n)
		again := `INSERT INTO deliveries (id, notification_id, position, channel, recipient, status, attempts, last_error)
			VALUES ('again', $1, 2, 'email', 'u1@example.com', 'PENDING', 0, '')`
		if _, err := f.db.ExecContext(f.Context(), again, n.ID); err == nil {
			f.Fatal("the database took a second delivery to one recipient")
		}
		f.exec("DROP INDEX deliveries_once")
		f.exec(again, n.ID)
		f.verify("fact f1 has 2 deliveries to one recipient on email")
	})
}

func TestVerifyReadsMoreThanABatch(t *testing.T) {
	each(t, func(f *fixture) {
		var notes []*notifier.Notification
		for i := range 300 {
			notes = append(notes, note(fmt.Sprint("f", i), "o1", "u1", at))
		}
		f.add(notes...)
		for _, n := range notes {
			f.sent(n)
		}
		f.verify()
		for _, n := range []*notifier.Notification{notes[0], notes[299]} {
			f.exec("UPDATE notifications SET sequence = 2 WHERE id = $1", n.ID)
		}
		f.verify(notes[0].ID, notes[299].ID)
	})
}
