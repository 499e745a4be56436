// Package delivery sends what is queued, one worker per channel, so that no channel can hurt another.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/channel"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
)

// noteLimit bounds the noting of a failure, whose own time may be over.
const noteLimit = 10 * time.Second

// Config is what a worker needs.
type Config struct {
	DB          *sqldb.DB
	Store       *store.Store
	Counters    *Counters
	Concurrency int                             // deliveries of the channel at a time
	Attempts    int                             // before a delivery has failed
	Timeout     time.Duration                   // of one try
	Backoff     func(attempt int) time.Duration // before the next try; nil: up to 1 s, doubling to 5 min
	Log         *slog.Logger
	Metrics     prometheus.Registerer
}

// NewWorker makes the worker of a channel.
func NewWorker(cfg Config, c channel.Channel) *jobs.Worker {
	s := &sender{cfg: cfg, channel: c}
	return jobs.NewWorker(jobs.Config[*notifier.Outcome]{
		DB: cfg.DB, Kind: store.JobKind(c.Name()), Concurrency: cfg.Concurrency, Timeout: cfg.Timeout, MaxAttempts: cfg.Attempts,
		Backoff: cfg.Backoff, Handle: s.send, Store: s.store, GiveUp: s.giveUp, Log: cfg.Log, Metrics: cfg.Metrics,
	})
}

// sender sends the deliveries of one channel.
type sender struct {
	cfg     Config
	channel channel.Channel
}

// send is the job's handler: the job's key is the delivery's id. It comes to nil when the delivery has ended already.
func (s *sender) send(ctx context.Context, job jobs.Job) (*notifier.Outcome, error) {
	n, err := store.OfDelivery(ctx, s.cfg.DB, job.Key)
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, jobs.Permanent(fmt.Errorf("there is no delivery %s", job.Key))
	}
	delivery := n.Delivery(job.Key)
	if delivery.Status != notifier.Pending {
		return nil, nil
	}
	message, err := notifier.Render(n.Fact)
	if err != nil {
		return nil, jobs.Permanent(err)
	}
	err = s.channel.Send(ctx, channel.Letter{DeliveryID: delivery.ID, Recipient: delivery.Recipient, Message: message, Fact: n.Fact})
	if err != nil {
		return nil, s.failed(ctx, job, err)
	}
	return &notifier.Outcome{DeliveryID: job.Key, Attempts: job.Attempt}, nil
}

// store keeps what was sent.
func (s *sender) store(ctx context.Context, tx *sqldb.Tx, done []jobs.Done[*notifier.Outcome]) error {
	var outcomes []notifier.Outcome
	for _, job := range done {
		if job.Result != nil {
			outcomes = append(outcomes, *job.Result)
		}
	}
	tx.OnCommit(func() { s.cfg.Counters.sent(s.channel.Name(), len(outcomes)) })
	return s.cfg.Store.End(ctx, tx, outcomes...)
}

// failed notes a failure that is worth a retry where people look, and says when to try again.
func (s *sender) failed(ctx context.Context, job jobs.Job, err error) error {
	var failure *channel.Failure
	known := errors.As(err, &failure)
	if known && failure.Refused {
		return jobs.Permanent(err)
	}
	if job.Attempt >= s.cfg.Attempts {
		return err // giveUp notes it
	}
	note, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	noted := s.cfg.DB.InTx(note, func(ctx context.Context, tx *sqldb.Tx) error {
		return store.NoteFailure(ctx, tx, job.Key, job.Attempt, shown(err))
	})
	if noted != nil {
		err = errors.Join(err, noted)
	}
	if known && failure.RetryAfter > 0 {
		return jobs.RetryAfter(err, failure.RetryAfter)
	}
	return err
}

// shown is what people may read of an error: a failure's text, and nothing of one inside the service.
func shown(err error) string {
	var failure *channel.Failure
	if errors.As(err, &failure) {
		return failure.Text
	}
	return "the delivery failed inside the service"
}

// giveUp stores that a delivery failed for good.
func (s *sender) giveUp(ctx context.Context, tx *sqldb.Tx, job jobs.Job, cause error) error {
	tx.OnCommit(func() { s.cfg.Counters.failed(s.channel.Name()) })
	return s.cfg.Store.End(ctx, tx, notifier.Outcome{DeliveryID: job.Key, Attempts: job.Attempt, Failure: shown(cause)})
}
