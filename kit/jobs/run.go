package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"orderflow.example/kit/sqldb"
)

// run calls the handler and stores what came of it.
func (w *Worker) run(ctx context.Context, job claimed) {
	started := time.Now()
	w.metrics.running.Inc()
	defer w.metrics.running.Dec()
	result, err := w.call(ctx, job.Job)
	w.metrics.duration.Observe(time.Since(started).Seconds())

	outcome := "done"
	if err == nil {
		err = w.finish(job, result)
	}
	if err != nil {
		store, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
		defer cancel()
		outcome = w.fail(store, job, err)
	}
	w.metrics.runs.WithLabelValues(outcome).Inc()
}

// call runs the handler within its time. A panic is an error like another.
func (w *Worker) call(ctx context.Context, job Job) (result any, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			result, err = nil, fmt.Errorf("panic: %v", cause)
			w.log.ErrorContext(ctx, "a job panicked", "kind", job.Kind, "key", job.Key, "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	return w.handle(ctx, job)
}

// inTx is a transaction that runs the service's code, whose panic is an error like another.
func (w *Worker) inTx(ctx context.Context, fn func(ctx context.Context, tx *sqldb.Tx) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
			w.log.ErrorContext(ctx, "storing a job's result panicked", "kind", w.kind, "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	return w.db.InTx(ctx, fn)
}

// fail plans the next attempt, or gives the job up, and names the outcome.
func (w *Worker) fail(ctx context.Context, job claimed, cause error) (outcome string) {
	log := w.log.With("kind", job.Kind, "key", job.Key, "attempt", job.Attempt)
	if errors.Is(cause, errLeaseLost) {
		log.WarnContext(ctx, "the result of a job was dropped", "error", cause)
		return "lost"
	}
	if isPermanent(cause) || w.maxAttempts > 0 && job.Attempt >= w.maxAttempts {
		err := w.abandon(ctx, job, cause)
		if err == nil {
			log.ErrorContext(ctx, "a job was given up", "error", cause)
			return "given_up"
		}
		cause = fmt.Errorf("giving up (after %w): %w", cause, err)
	}
	var at time.Time
	err := w.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		at = w.nextAttempt(tx.Now(), job.Attempt, cause)
		return w.retryLater(ctx, tx, job, at, cause)
	})
	if err != nil { // another worker has it, or will when the lease ends
		log.WarnContext(ctx, "a failed job could not be planned again", "error", cause, "failure", err)
		return "lost"
	}
	log.WarnContext(ctx, "a job failed and is tried again", "error", cause, "at", at)
	return "retried"
}

func (w *Worker) abandon(ctx context.Context, job claimed, cause error) error {
	return w.inTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if w.giveUp != nil {
			if err := w.giveUp(ctx, tx, job.Job, cause); err != nil {
				return err
			}
		}
		return w.end(ctx, tx, job)
	})
}

// nextAttempt is when the error asks for it, or after the backoff.
func (w *Worker) nextAttempt(now time.Time, attempt int, cause error) time.Time {
	var asked retryError
	switch {
	case !errors.As(cause, &asked):
		return now.Add(w.backoff(attempt))
	case !asked.at.IsZero():
		return asked.at
	default:
		return now.Add(asked.after)
	}
}
