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

// Done is a job whose call went well, and what it came to.
type Done[R any] struct {
	Job
	Result R
}

// Config says what a Worker works on and how. R is what a call comes to.
type Config[R any] struct {
	DB          *sqldb.DB
	Kind        string
	Concurrency int                             // jobs at a time, at most: the bulkhead; 0: 8
	Timeout     time.Duration                   // of one run of Handle; 0: 30 s
	Lease       time.Duration                   // after which another worker takes over; 0, or too short: Timeout and 5 s
	Backoff     func(attempt int) time.Duration // before the next attempt; nil: DefaultBackoff
	MaxAttempts int                             // 0: never given up

	// Handle does the work: it calls out, and never holds a transaction meanwhile. An error runs the job again after a
	// backoff, unless it is Permanent.
	Handle func(ctx context.Context, job Job) (R, error)

	// Store stores results and their events, in the transaction that ends the jobs: of all that ended while the
	// results before them were written, no two with one key. It may Enqueue the same kind and key again. Nothing of it
	// stays when a lease was lost; then, and when it fails, it is called again for each job alone, and its error counts
	// as the job's. Nil: there is nothing to store.
	Store func(ctx context.Context, tx *sqldb.Tx, done []Done[R]) error

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
