package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a database with a clock that the test moves, and what the workers did.
type bench struct {
	t     *testing.T
	db    *sqldb.DB
	clock time.Time
	calls []string // "KEY PAYLOAD ATTEMPT"
}

// result is what a job of these tests comes to: what storing it does; nil: nothing.
type result func(ctx context.Context, tx *sqldb.Tx) error

func storeAll(ctx context.Context, tx *sqldb.Tx, done []Done[result]) error {
	for _, job := range done {
		if job.Result != nil {
			if err := job.Result(ctx, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

func onEach(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLiteURL, "postgres": sqldbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
			b.db = sqldbtest.Open(t, sqldb.Config{URL: url(t), Now: func() time.Time { return b.clock }})
			if _, err := b.db.ExecContext(t.Context(), "CREATE TABLE results (text TEXT NOT NULL)"); err != nil {
				t.Fatal(err)
			}
			test(t, b)
		})
	}
}

// worker makes a worker of kind "k" whose handler is given, or stores the job's key as its result.
func (b *bench) worker(handle func(context.Context, Job) (result, error), adapt ...func(*Config[result])) *Worker {
	if handle == nil {
		handle = func(_ context.Context, job Job) (result, error) { return store(job.Key), nil }
	}
	cfg := Config[result]{
		DB: b.db, Store: storeAll, Kind: "k", Timeout: 10 * time.Second, Log: b.quiet(),
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute },
		Handle: func(ctx context.Context, job Job) (result, error) {
			b.calls = append(b.calls, fmt.Sprintf("%s %s %d", job.Key, job.Payload, job.Attempt))
			return handle(ctx, job)
		},
	}
	for _, change := range adapt {
		change(&cfg)
	}
	return NewWorker(cfg)
}

func (b *bench) quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func store(text string) result {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO results (text) VALUES ($1)", text)
		return err
	}
}

func (b *bench) enqueue(jobs ...Job) {
	b.t.Helper()
	sqldbtest.Tx(b.t, b.db, func(ctx context.Context, tx *sqldb.Tx) error { return Enqueue(ctx, tx, jobs...) })
}

func (b *bench) runDue(w *Worker, want int) {
	b.t.Helper()
	if ran, err := w.RunDue(b.t.Context()); err != nil || ran != want {
		b.t.Errorf("%d jobs were run, %v; want %d", ran, err, want)
	}
}

func (b *bench) results(want ...string) {
	b.t.Helper()
	if got := results(b.t, b.db); !slices.Equal(got, want) {
		b.t.Errorf("results %q, want %q", got, want)
	}
}

func results(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT text FROM results ORDER BY text")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

func (b *bench) called(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.calls, want) {
		b.t.Errorf("calls %q, want %q", b.calls, want)
	}
	b.calls = nil
}

func (b *bench) unfinished(want int64) {
	b.t.Helper()
	if got, err := Unfinished(b.t.Context(), b.db, "k"); err != nil || got != want {
		b.t.Errorf("%d unfinished, %v; want %d", got, err, want)
	}
}

func job(key, payload string) Job { return Job{Kind: "k", Key: key, Payload: []byte(payload)} }

func TestJobsRunWhenTheyAreDue(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		later, other := job("later", "p"), job("other", "p")
		later.RunAt = b.clock.Add(time.Minute)
		other.Kind = "another"
		b.enqueue(later, job("b", "p"), job("a", "p"), other)
		w := b.worker(nil)
		b.runDue(w, 2)
		b.called("a p 1", "b p 1")
		b.unfinished(1)
		b.runDue(w, 0)
		b.clock = b.clock.Add(time.Minute)
		b.runDue(w, 1)
		b.called("later p 1")
		b.results("a", "b", "later")
		b.unfinished(0)
	})
}

func TestRefusedTransactionEnqueuesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		if err := b.db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			return errors.Join(Enqueue(ctx, tx, job("a", "p")), errors.New("refused"))
		}); err == nil {
			t.Error("no error")
		}
		b.unfinished(0)
	})
}

func TestMergedWhileWaiting(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		at := func(payload string, minutes time.Duration) Job {
			j := job("a", payload)
			j.RunAt = b.clock.Add(minutes * time.Minute)
			return j
		}
		b.enqueue(at("first", 10))
		b.enqueue(at("second", 5), at("third", 7)) // and within one call
		b.enqueue(at("fourth", 20))
		b.unfinished(1)
		w := b.worker(nil)
		b.clock = b.clock.Add(4 * time.Minute)
		b.runDue(w, 0)
		b.clock = b.clock.Add(time.Minute)
		b.runDue(w, 1)
		b.called("a fourth 1")
		b.unfinished(0)
	})
}

func TestMergedWhileRunning(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "first"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			if string(j.Payload) == "first" {
				b.enqueue(job("a", "second"))
				b.enqueue(job("a", "third"))
				b.unfinished(1)
			}
			return store(string(j.Payload)), nil
		})
		b.runDue(w, 1)
		b.unfinished(1)
		b.runDue(w, 1)
		b.called("a first 1", "a third 1")
		b.results("first", "third")
		b.unfinished(0)
	})
}

// A job that fails while it was enqueued again does not wait longer than the new one would.
func TestMergedWhileFailing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "first"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			if j.Attempt == 1 {
				b.enqueue(job("a", "second"))
				return nil, errors.New("away")
			}
			return nil, nil
		})
		b.runDue(w, 1)
		b.runDue(w, 1)
		b.called("a first 1", "a second 2")
		b.unfinished(0)
	})
}

func TestCompleteEnqueuesItselfAgain(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "1"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			return func(ctx context.Context, tx *sqldb.Tx) error {
				next := job("a", string(j.Payload)+"1")
				next.RunAt = b.clock.Add(time.Minute)
				return Enqueue(ctx, tx, next)
			}, nil
		})
		b.runDue(w, 1)
		b.runDue(w, 0)
		b.unfinished(1)
		b.clock = b.clock.Add(time.Minute)
		b.runDue(w, 1)
		b.called("a 1 1", "a 11 1")
	})
}

func TestRetries(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		away := errors.New("provider away")
		script := []struct {
			err  error
			wait time.Duration
		}{
			{away, time.Minute},
			{fmt.Errorf("wrapped: %w", RetryAfter(away, 3*time.Hour)), 3 * time.Hour},
			{RetryAt(away, b.clock.Add(24*time.Hour)), 24*time.Hour - time.Minute - 3*time.Hour},
			{errors.New("\x00\xff" + strings.Repeat("x", 5000)), 4 * time.Minute},
		}
		b.enqueue(job("a", "p"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			if j.Attempt <= len(script) {
				return store("never"), script[j.Attempt-1].err
			}
			return store("done"), nil
		})
		for _, step := range script {
			b.runDue(w, 1)
			b.clock = b.clock.Add(step.wait - time.Microsecond)
			b.runDue(w, 0)
			b.clock = b.clock.Add(time.Microsecond)
		}
		b.runDue(w, 1)
		b.called("a p 1", "a p 2", "a p 3", "a p 4", "a p 5")
		b.results("done")
		b.unfinished(0)
	})
}

func TestGivenUp(t *testing.T) {
	tests := map[string]struct {
		err    error
		giveUp error // of the first call of GiveUp
		runs   int
	}{
		"attempts exhausted": {errors.New("away"), nil, 3},
		"permanent":          {fmt.Errorf("wrapped: %w", Permanent(errors.New("declined"))), nil, 1},
		"giving up fails":    {Permanent(errors.New("declined")), errors.New("constraint"), 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				b.enqueue(job("a", "p"))
				given := 0
				w := b.worker(func(context.Context, Job) (result, error) { return nil, test.err }, func(cfg *Config[result]) {
					cfg.MaxAttempts = 3
					cfg.GiveUp = func(ctx context.Context, tx *sqldb.Tx, j Job, cause error) error {
						if err := store("given up")(ctx, tx); err != nil {
							return err
						}
						if !errors.Is(cause, test.err) || j.Key != "a" {
							t.Errorf("job %+v, cause %v", j, cause)
						}
						if given++; given == 1 {
							return test.giveUp
						}
						return nil
					}
				})
				for range test.runs {
					b.unfinished(1)
					b.runDue(w, 1)
					b.clock = b.clock.Add(time.Hour)
				}
				b.results("given up")
				b.unfinished(0)
			})
		})
	}
}

func TestPanicsAreFailures(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "p"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			switch j.Attempt {
			case 1:
				panic("in the call")
			case 2:
				return func(context.Context, *sqldb.Tx) error { panic("in the result") }, nil
			}
			return store("done"), nil
		})
		for range 3 {
			b.runDue(w, 1)
			b.clock = b.clock.Add(time.Hour)
		}
		b.results("done")
		b.unfinished(0)
	})
}

func TestFailureToStoreIsRetried(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "p"))
		w := b.worker(func(_ context.Context, j Job) (result, error) {
			return func(ctx context.Context, tx *sqldb.Tx) error {
				if err := store(fmt.Sprint(j.Attempt))(ctx, tx); err != nil || j.Attempt > 1 {
					return err
				}
				return errors.New("constraint")
			}, nil
		})
		b.runDue(w, 1)
		b.clock = b.clock.Add(time.Minute)
		b.runDue(w, 1)
		b.results("2")
	})
}

// A worker dies, or its call takes too long: another one takes the job over, and only one result is stored.
func TestLease(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "p"))
		slow, fast := b.worker(nil), b.worker(func(context.Context, Job) (result, error) { return store("fast"), nil })
		taken, err := slow.claim(t.Context(), 10)
		if err != nil || len(taken) != 1 {
			t.Fatal(taken, err)
		}
		b.runDue(fast, 0)
		b.clock = b.clock.Add(slow.lease - time.Microsecond)
		b.runDue(fast, 0)
		b.clock = b.clock.Add(time.Microsecond)
		again, err := fast.claim(t.Context(), 10)
		if err != nil || len(again) != 1 || again[0].Attempt != 2 {
			t.Fatal(again, err)
		}
		slow.run(t.Context(), taken[0]) // its lease is lost
		b.results()
		b.unfinished(1)
		fast.run(t.Context(), again[0])
		b.results("fast")
		b.unfinished(0)
		slow.run(t.Context(), taken[0]) // and the job has ended
		b.results("fast")
	})
}

// The failure of a worker whose lease is lost does not disturb the one that has the job.
func TestFailureWithoutTheLease(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "p"))
		failing := b.worker(func(context.Context, Job) (result, error) { return nil, errors.New("away") }, func(cfg *Config[result]) {
			cfg.MaxAttempts = 1
			cfg.GiveUp = func(ctx context.Context, tx *sqldb.Tx, _ Job, _ error) error { return store("given up")(ctx, tx) }
		})
		taken, err := failing.claim(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		b.clock = b.clock.Add(failing.lease)
		w := b.worker(nil)
		again, err := w.claim(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		failing.run(t.Context(), taken[0])
		b.results()
		w.run(t.Context(), again[0])
		b.results("a")
	})
}

// Late, but nobody has taken over: the result counts.
func TestLateResultIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.enqueue(job("a", "p"))
		w := b.worker(nil)
		taken, err := w.claim(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		b.clock = b.clock.Add(2 * w.lease)
		w.run(t.Context(), taken[0])
		b.results("a")
		b.unfinished(0)
	})
}

func TestBackoff(t *testing.T) {
	for attempt, longest := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute} {
		for range 100 {
			if d := DefaultBackoff(attempt); d < 0 || d >= longest {
				t.Errorf("attempt %d: %v, want below %v", attempt, d, longest)
			}
		}
	}
}
