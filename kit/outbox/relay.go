package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
)

const (
	batchRows    = 500
	sweepEvery   = 100 * time.Millisecond // for rows whose transaction committed after one with higher ids
	inspectEvery = time.Second            // metrics, refusals that an operator lifted, the lock
	lockEvery    = time.Second            // between tries to become the active relay
	drainLimit   = 5 * time.Second
	firstPause   = 100 * time.Millisecond // after a failed delivery
	longestPause = 5 * time.Second
)

// Relay sends what is committed and unsent, in the order of the rows' ids, and marks what the broker acknowledged.
// Of a service's relays one is active at a time; two for a moment, when a lock's connection is lost, do no harm, for
// consumers skip what they know.
type Relay struct {
	db      *sqldb.DB
	send    func(ctx context.Context, records []kafka.Record) (acked []bool, err error)
	log     *slog.Logger
	metrics metrics
}

// NewRelay makes a relay. metrics may be nil.
func NewRelay(db *sqldb.DB, producer *kafka.Producer, log *slog.Logger, metrics prometheus.Registerer) *Relay {
	return newRelay(db, producer.Send, log, metrics)
}

func newRelay(db *sqldb.DB, send func(context.Context, []kafka.Record) ([]bool, error), log *slog.Logger, registerer prometheus.Registerer) *Relay {
	return &Relay{db: db, send: send, log: log, metrics: newMetrics(registerer)}
}

// Run relays until ctx ends. Then it sends what is committed and unsent, for some seconds at most, and returns.
func (r *Relay) Run(ctx context.Context) error {
	wake, stop := r.db.Watch(wakeName)
	defer stop()
	for {
		lock, err := acquire(ctx, r.db)
		if err == nil && lock != nil {
			err = r.active(ctx, lock, wake)
			if e := lock.release(); err == nil {
				err = e
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.log.WarnContext(ctx, "the outbox relay is interrupted", "error", err)
		}
		if !pause(ctx, lockEvery) {
			return nil
		}
	}
}

// active relays while this relay holds the lock.
func (r *Relay) active(ctx context.Context, lock lock, wake <-chan struct{}) error {
	work, cancel := lingering(ctx, drainLimit)
	defer cancel()
	t := &turn{relay: r, marks: newMarks()}
	finished := make(chan struct{})
	marking, stopMarking := context.WithCancel(work)
	go func() {
		defer close(finished)
		t.marks.run(marking, work, r.db, r.log)
	}()
	defer func() {
		stopMarking()
		<-finished
		r.metrics.reset() // the next active relay measures
	}()

	if err := t.inspect(work); err != nil {
		return err
	}
	sweep, inspect := time.NewTimer(0), time.NewTicker(inspectEvery)
	defer sweep.Stop()
	defer inspect.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return errors.Join(t.sweep(work), t.sendUnsent(work))
		case <-wake:
			err = t.sendUnsent(work)
		case <-sweep.C:
			started := time.Now()
			err = t.sweep(work)
			sweep.Reset(max(sweepEvery, 10*time.Since(started)))
			err = errors.Join(err, t.sendUnsent(work))
		case <-inspect.C:
			err = errors.Join(lock.check(work), t.inspect(work))
		}
		if err != nil {
			return err
		}
	}
}

// lingering is a context that ends some time after ctx.
func lingering(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(limit, cancel) })
	return work, func() { stop(); cancel() }
}

// pause waits, and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
