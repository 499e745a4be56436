package jobs

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"orderflow.example/kit/sqldb"
)

const (
	pollEvery    = time.Second // for jobs of which no signal came
	leaseMargin  = 5 * time.Second
	measureEvery = 10 * time.Second
	graceLimit   = 10 * time.Second // for calls under way when the worker is stopped
	storeLimit   = 30 * time.Second // to store a result
	contended    = 50 * time.Millisecond
	allDue       = 10_000 // jobs that RunDue takes
)

// Worker runs the jobs of one kind. Any number of workers, in any number of processes, share a kind.
type Worker struct {
	db          *sqldb.DB
	kind        string
	concurrency int
	timeout     time.Duration
	lease       time.Duration
	backoff     func(attempt int) time.Duration
	maxAttempts int
	handle      func(ctx context.Context, job Job) (any, error)
	store       func(ctx context.Context, tx *sqldb.Tx, done []*ending) error
	giveUp      func(ctx context.Context, tx *sqldb.Tx, job Job, cause error) error
	log         *slog.Logger
	metrics     metrics
	endings     endings
}

// NewWorker makes a worker.
func NewWorker[R any](cfg Config[R]) *Worker {
	w := &Worker{
		db: cfg.DB, kind: cfg.Kind, concurrency: cmp.Or(cfg.Concurrency, 8), timeout: cmp.Or(cfg.Timeout, 30*time.Second),
		backoff: cfg.Backoff, maxAttempts: cfg.MaxAttempts, giveUp: cfg.GiveUp, log: cmp.Or(cfg.Log, slog.Default()),
		metrics: newMetrics(cfg.Metrics, cfg.Kind),
		handle:  func(ctx context.Context, job Job) (any, error) { return cfg.Handle(ctx, job) },
		store: func(ctx context.Context, tx *sqldb.Tx, ended []*ending) error {
			if cfg.Store == nil {
				return nil
			}
			done := make([]Done[R], len(ended))
			for i, e := range ended {
				done[i].Job = e.Job
				done[i].Result, _ = e.result.(R) // what Handle returned, which may be a nil interface
			}
			return cfg.Store(ctx, tx, done)
		},
	}
	w.lease = max(cfg.Lease, w.timeout+leaseMargin)
	if w.backoff == nil {
		w.backoff = DefaultBackoff
	}
	return w
}

// DefaultBackoff is exponential with full jitter: anything up to 1 s after the first attempt, doubling to 5 min.
func DefaultBackoff(attempt int) time.Duration {
	const first, longest = time.Second, 5 * time.Minute
	limit := longest
	if attempt < 10 {
		limit = min(longest, first<<(max(attempt, 1)-1))
	}
	return rand.N(limit)
}

// Run works until ctx ends. Then calls under way may finish, some seconds at most, and their results are stored.
func (w *Worker) Run(ctx context.Context) error {
	wake, stopWatching := w.db.Watch(wakeName(w.kind))
	defer stopWatching()
	work, cancel := lingering(ctx, graceLimit)
	defer cancel()
	measure := time.NewTicker(measureEvery)
	defer measure.Stop()
	next := time.NewTimer(0)
	defer next.Stop()

	finished := make(chan struct{}, w.concurrency)
	running := 0
	for {
		select {
		case <-ctx.Done():
			for ; running > 0; running-- {
				<-finished
			}
			return nil
		case <-finished:
			running--
		case <-wake:
		case <-next.C:
		case <-measure.C:
			w.measure(ctx)
		}
		for drained := false; !drained; { // jobs that ended together make room for one claim
			select {
			case <-finished:
				running--
			default:
				drained = true
			}
		}
		started, wait := w.startDue(ctx, work, w.concurrency-running, finished)
		running += started
		next.Reset(wait)
	}
}

// startDue claims and starts what is due, in at most that many goroutines, and tells how long nothing else is due.
func (w *Worker) startDue(ctx, work context.Context, free int, finished chan<- struct{}) (started int, wait time.Duration) {
	if free == 0 || ctx.Err() != nil {
		return 0, pollEvery
	}
	wait, err := w.untilDue(ctx)
	if err == nil && wait > 0 {
		return 0, wait
	}
	var jobs []claimed
	if err == nil {
		jobs, err = w.claim(work, free) // not ctx: what was claimed is known, and run, even as the worker stops
	}
	if err != nil {
		if ctx.Err() == nil {
			w.log.WarnContext(ctx, "jobs could not be claimed", "kind", w.kind, "error", err)
		}
		return 0, pollEvery
	}
	for _, job := range jobs {
		go func() {
			defer func() { finished <- struct{}{} }()
			w.run(work, job)
		}()
	}
	switch {
	case len(jobs) == 0: // another worker is claiming them
		return 0, contended
	case len(jobs) == free:
		return len(jobs), pollEvery // the end of one of them is the next occasion
	}
	return len(jobs), 0
}

// RunDue claims what is due now and runs it here, one after the other by time and key, for tests. It tells how many
// jobs were run.
func (w *Worker) RunDue(ctx context.Context) (int, error) {
	jobs, err := w.claim(ctx, allDue)
	if err != nil {
		return 0, err
	}
	for _, job := range jobs {
		w.run(ctx, job)
	}
	return len(jobs), nil
}

// lingering is a context that ends some time after ctx.
func lingering(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(limit, cancel) })
	return work, func() { stop(); cancel() }
}
