package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

// running is a worker in the background, on the real clock.
type running struct {
	stop func()
}

func start(t *testing.T, cfg Config[result]) *running {
	t.Helper()
	cfg.Kind, cfg.Log = "k", slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewWorker(cfg).Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	t.Cleanup(stop)
	return &running{stop}
}

func table(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE results (text TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 s")
		panic("unreachable")
	}
}

func TestRunWakesAndWaits(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		ran := make(chan Job, 100)
		start(t, Config[result]{DB: db, Store: storeAll, Handle: func(_ context.Context, j Job) (result, error) { ran <- j; return nil, nil }})
		for n := range 5 {
			sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, job(fmt.Sprint(n), "")) })
			receive(t, ran)
		}
		now, err := db.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		soon := job("soon", "")
		soon.RunAt = now.Add(150 * time.Millisecond)
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, soon) })
		receive(t, ran)
		if now, err = db.Now(t.Context()); err != nil || now.Before(soon.RunAt) || now.After(soon.RunAt.Add(5*time.Second)) {
			t.Errorf("run at %v, due at %v (%v)", now, soon.RunAt, err)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		table(t, db)
		const jobs, bound = 50, 4
		var inFlight, most atomic.Int32
		started, release := make(chan struct{}, jobs), make(chan struct{})
		r := start(t, Config[result]{DB: db, Store: storeAll, Concurrency: bound, Handle: func(_ context.Context, j Job) (result, error) {
			now := inFlight.Add(1)
			defer inFlight.Add(-1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			started <- struct{}{}
			<-release
			return store(j.Key), nil
		}})
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			for n := range jobs {
				if err := Enqueue(ctx, tx, job(fmt.Sprintf("%02d", n), "")); err != nil {
					return err
				}
			}
			return nil
		})
		for range bound {
			receive(t, started) // all slots work at a time
		}
		var claimed int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM jobs WHERE lease_token IS NOT NULL").Scan(&claimed); err != nil || claimed != bound {
			t.Errorf("%d jobs are claimed, %v; want %d", claimed, err, bound)
		}
		close(release)
		for range jobs - bound {
			receive(t, started)
		}
		r.stop()
		if most.Load() != bound {
			t.Errorf("%d at a time, want %d", most.Load(), bound)
		}
		if got := results(t, db); len(got) != jobs {
			t.Errorf("%d results, want %d", len(got), jobs)
		}
	})
}

// Stopped in the middle of a call, a worker lets it finish and stores its result.
func TestStopLetsCallsFinish(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		table(t, db)
		started, release := make(chan struct{}), make(chan struct{})
		r := start(t, Config[result]{DB: db, Store: storeAll, Concurrency: 1, Handle: func(ctx context.Context, j Job) (result, error) {
			close(started)
			<-release
			return store(j.Key), ctx.Err()
		}})
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, job("a", ""), job("b", "")) })
		receive(t, started)
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		close(release)
		receive(t, stopped)
		if got := results(t, db); len(got) != 1 || got[0] != "a" {
			t.Errorf("results %v", got)
		}
		if left, err := Unfinished(t.Context(), db, "k"); err != nil || left != 1 {
			t.Errorf("%d unfinished, %v", left, err)
		}
	})
}

func TestTimeoutIsAFailure(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		attempts := make(chan error, 10)
		start(t, Config[result]{DB: db, Store: storeAll, Timeout: 20 * time.Millisecond, Backoff: func(int) time.Duration { return 0 },
			Handle: func(ctx context.Context, j Job) (result, error) {
				if j.Attempt > 1 {
					attempts <- nil
					return nil, nil
				}
				<-ctx.Done()
				attempts <- ctx.Err()
				return nil, ctx.Err()
			}})
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, job("a", "")) })
		if err := receive(t, attempts); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("first attempt: %v", err)
		}
		if err := receive(t, attempts); err != nil {
			t.Errorf("second attempt: %v", err)
		}
	})
}

// Several workers share a kind: each job is run once.
func TestWorkersShare(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		table(t, db)
		const jobs = 300
		var mu sync.Mutex
		runs := map[string]int{}
		ended := make(chan struct{}, jobs)
		handle := func(_ context.Context, j Job) (result, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[j.Key]++
			return func(ctx context.Context, tx *sqldb.Tx) error {
				tx.OnCommit(func() { ended <- struct{}{} })
				return store(j.Key)(ctx, tx)
			}, nil
		}
		for range 3 {
			start(t, Config[result]{DB: db, Store: storeAll, Concurrency: 7, Handle: handle})
		}
		for n := range jobs {
			sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, job(fmt.Sprint(n), "")) })
		}
		for range jobs {
			receive(t, ended)
		}
		mu.Lock()
		defer mu.Unlock()
		for key, count := range runs {
			if count != 1 {
				t.Errorf("job %s ran %d times", key, count)
			}
		}
		if got := results(t, db); len(got) != jobs {
			t.Errorf("%d results", len(got))
		}
	})
}
