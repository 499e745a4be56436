// Package jobs is durable work: a transaction stores the intent, a worker calls out and stores the result and its
// events in one more transaction. A job survives crashes; it may run twice, so the call needs an idempotency key, but
// its result is stored once.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/sqldb"
)

// Job is a piece of work. Kind and Key are unique among the unfinished.
type Job struct {
	ID      string // of this row; made by Enqueue when empty
	Kind    string
	Key     string
	Payload []byte
	RunAt   time.Time // zero: at once
	Attempt int       // 1 on the first run
}

// Complete stores the result of a job and its events, in the transaction that ends the job. It may Enqueue the same
// kind and key again. It runs only while the worker still holds the lease; its error counts as the job's.
type Complete func(ctx context.Context, tx *sqldb.Tx) error

// Handler does the work: it calls out, and never holds a transaction meanwhile. A nil Complete only ends the job. An
// error runs the job again after a backoff, unless it is Permanent.
type Handler func(ctx context.Context, job Job) (Complete, error)

// Config says what a Worker works on and how.
type Config struct {
	DB          *sqldb.DB
	Kind        string
	Concurrency int                             // jobs at a time, at most: the bulkhead; 0: 8
	Timeout     time.Duration                   // of one run of Handle; 0: 30 s
	Lease       time.Duration                   // after which another worker takes over; 0, or too short: Timeout and 5 s
	Backoff     func(attempt int) time.Duration // before the next attempt; nil: DefaultBackoff
	MaxAttempts int                             // 0: never given up
	Handle      Handler

	// GiveUp stores that the job failed for good: in the transaction that ends it, when its attempts are exhausted or
	// its error is Permanent. Nil: the job ends with a log line.
	GiveUp func(ctx context.Context, tx *sqldb.Tx, job Job, cause error) error

	Log     *slog.Logger          // nil: slog.Default()
	Metrics prometheus.Registerer // nil: none
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that no further attempt can mend: the job is given up at once.
func Permanent(err error) error { return permanentError{err} }

func isPermanent(err error) bool {
	var permanent permanentError
	return errors.As(err, &permanent)
}

type retryError struct {
	error
	at    time.Time     // when set
	after time.Duration // otherwise
}

func (e retryError) Unwrap() error { return e.error }

// RetryAt asks for the next attempt at an instant, instead of after the backoff.
func RetryAt(err error, at time.Time) error { return retryError{error: err, at: at} }

// RetryAfter asks for the next attempt after a time, as a provider's Retry-After does, instead of after the backoff.
func RetryAfter(err error, d time.Duration) error { return retryError{error: err, after: d} }
