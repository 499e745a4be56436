package delivery_test

import (
	"context"

	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/jobs"
	"orderflow.example/notifier/internal/delivery"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
)

const (
	sentEvent   = "orderflow.notification.v1.NotificationSent"
	failedEvent = "orderflow.notification.v1.NotificationFailed"
)

func TestEachChannelSends(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.due(r.mails, 1)
		r.want("email", n, notifier.Sent, 1, "")
		r.want("webhook", n, notifier.Pending, 0, "")
		if event := r.event(n); event != "" {
			r.Errorf("one of two deliveries ended, and there is %s", event)
		}
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Sent, 1, "")
		if event := r.event(n); event != sentEvent {
			r.Errorf("event %q", event)
		}
		if mails := r.mail.Mails(); len(mails) != 1 || !strings.Contains(mails[0], "Message-ID: <"+n.Deliveries[0].ID+"@") {
			r.Errorf("mails %q", mails)
		}
		if ids := r.hook.IDs(); !slices.Equal(ids, []string{n.Deliveries[1].ID}) {
			r.Errorf("webhook-ids %q", ids)
		}
		r.counted("notification_total", 2)
		r.counted("notification_failed_total", 0)
	})
}

func TestAFailureIsNotedAndTriedAgain(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.due(r.mails, 1)
		r.hook.Answer(503, "")
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Pending, 1, "the receiver answered 503")
		r.due(r.hooks, 0)
		r.clock = r.clock.Add(time.Minute)
		r.hook.Answer(0, "")
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Sent, 2, "")
		if ids := r.hook.IDs(); len(ids) != 2 || ids[0] != ids[1] {
			r.Errorf("webhook-ids of the two tries: %q", ids)
		}
		r.due(r.mails, 0)
		if mails := r.mail.Mails(); len(mails) != 1 {
			r.Errorf("the webhook's retry sent %d mails", len(mails))
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.hook.Answer(429, "900")
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Pending, 1, "the receiver answered 429")
		r.hook.Answer(0, "")
		r.clock = r.clock.Add(15*time.Minute - time.Second) // long after the backoff
		r.due(r.hooks, 0)
		r.clock = r.clock.Add(time.Second)
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Sent, 2, "")
	})
}

func TestARefusalFailsAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.mail.Refuse(0, 550)
		r.hook.Answer(410, "60")
		r.due(r.mails, 1)
		r.due(r.hooks, 1)
		r.want("email", n, notifier.Failed, 1, "the SMTP server answered 550")
		r.want("webhook", n, notifier.Failed, 1, "the receiver answered 410")
		if event := r.event(n); event != failedEvent {
			r.Errorf("event %q", event)
		}
		r.clock = r.clock.Add(time.Hour)
		r.due(r.mails, 0)
		r.due(r.hooks, 0)
		r.counted("notification_total", 2)
		r.counted("notification_failed_total", 2)
	})
}

func TestADeliveryFailsWhenItsAttemptsAreExhausted(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.due(r.mails, 1)
		r.hook.Answer(500, "")
		for attempt := 1; attempt < attempts; attempt++ {
			r.due(r.hooks, 1)
			r.want("webhook", n, notifier.Pending, attempt, "the receiver answered 500")
			r.clock = r.clock.Add(time.Hour)
		}
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Failed, attempts, "the receiver answered 500")
		if event := r.event(n); event != failedEvent {
			r.Errorf("event %q", event)
		}
		r.clock = r.clock.Add(time.Hour)
		r.due(r.hooks, 0)
		r.want("email", n, notifier.Sent, 1, "")
		r.counted("notification_failed_total", 1)
	})
}

// Both workers run as the service runs them; every webhook hangs, and the mails go out.
func TestAChannelThatHangsDelaysNoOther(t *testing.T) {
	each(t, func(r *rig) {
		var notes []*notifier.Notification
		for _, id := range []string{"o1", "o2", "o3", "o4", "o5"} {
			notes = append(notes, r.tell(id))
		}
		answer := make(chan struct{})
		r.hook.OnPost(func() { <-answer })
		ctx, stop := context.WithCancel(r.Context())
		ended := make(chan error, 2)
		for _, w := range []*jobs.Worker{r.mails, r.hooks} {
			go func() { ended <- w.Run(ctx) }()
		}
		r.until("all mails are sent", func() bool { return r.count("email", notes) == len(notes) })
		if sent := r.count("webhook", notes); sent != 0 {
			r.Errorf("%d webhooks were sent while none was answered", sent)
		}
		close(answer)
		r.until("all webhooks are sent", func() bool { return r.count("webhook", notes) == len(notes) })
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				r.Error(err)
			}
		}
	})
}

func (r *rig) count(channel string, notes []*notifier.Notification) int {
	sent := 0
	for _, n := range notes {
		if r.on(channel, n).Status == notifier.Sent {
			sent++
		}
	}
	return sent
}

func (r *rig) until(what string, met func() bool) {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !met() {
		if time.Now().After(deadline) {
			r.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}

// The process dies between the answer and its storing: the next worker sends again, under the same id.
func TestACrashAfterSendingSendsAgainUnderTheSameID(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		r.due(r.mails, 1)
		dying := delivery.NewWorker(r.cfg, dies{r.channels[1]})
		died := make(chan struct{})
		go func() {
			defer close(died)
			_, _ = dying.RunDue(r.Context()) // never returns
			r.Error("the worker lived on")
		}()
		<-died
		r.want("webhook", n, notifier.Pending, 0, "")
		r.due(r.hooks, 0) // the lease still runs
		r.clock = r.clock.Add(r.cfg.Timeout + 5*time.Second)
		r.due(r.hooks, 1)
		r.want("webhook", n, notifier.Sent, 2, "")
		if ids, id := r.hook.IDs(), n.Deliveries[1].ID; !slices.Equal(ids, []string{id, id}) {
			r.Errorf("webhook-ids %q", ids)
		}
		if event := r.event(n); event != sentEvent {
			r.Errorf("event %q", event)
		}
	})
}

// A job of a delivery that has ended, or is gone, sends nothing.
func TestNothingIsSentForADeliveryThatEnded(t *testing.T) {
	each(t, func(r *rig) {
		ended, gone := r.tell("o1"), r.tell("o2")
		for query, n := range map[string]*notifier.Notification{
			"UPDATE deliveries SET status = 'SENT' WHERE notification_id = $1": ended,
			"DELETE FROM deliveries WHERE notification_id = $1":                gone,
		} {
			if _, err := r.db.ExecContext(r.Context(), query, n.ID); err != nil {
				r.Fatal(err)
			}
		}
		r.due(r.hooks, 2)
		if posts := r.hook.Posts(); len(posts) != 0 {
			r.Errorf("%d were posted", len(posts))
		}
		if left, err := jobs.Unfinished(r.Context(), r.db, store.JobKind("webhook")); err != nil || left != 0 {
			r.Errorf("%d jobs left, %v", left, err)
		}
	})
}

// What goes wrong inside the service is for the log; people read that something did.
func TestAnInnerErrorIsNotShown(t *testing.T) {
	each(t, func(r *rig) {
		n := r.tell("o1")
		w := delivery.NewWorker(r.cfg, panics{r.channels[1]})
		for range attempts {
			r.due(w, 1)
			r.clock = r.clock.Add(time.Hour)
		}
		r.want("webhook", n, notifier.Failed, attempts, "the delivery failed inside the service")
	})
}
