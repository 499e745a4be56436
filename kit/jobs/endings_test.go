package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
)

// together is a worker whose jobs have all been called before the first result is stored, so that they end in as few
// transactions as there can be. It notes which jobs each transaction was tried for.
type together struct {
	*bench
	worker *Worker
	stores []string // "KEYS" of each call of Store, in order
}

func endTogether(b *bench, keys []string, store func(ctx context.Context, tx *sqldb.Tx, job Job) error) *together {
	e := &together{bench: b}
	for _, key := range keys {
		b.enqueue(job(key, "p"))
	}
	e.worker = NewWorker(Config[string]{
		DB: b.db, Kind: "k", Timeout: 10 * time.Second, Log: b.quiet(),
		Backoff: func(int) time.Duration { return time.Minute },
		Handle:  func(_ context.Context, j Job) (string, error) { return j.Key, nil },
		Store: func(ctx context.Context, tx *sqldb.Tx, done []Done[string]) error {
			var texts []string
			for _, one := range done {
				texts = append(texts, one.Result)
			}
			slices.Sort(texts)
			e.stores = append(e.stores, strings.Join(texts, " "))
			for _, one := range done {
				if err := store(ctx, tx, one.Job); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, "INSERT INTO results (text) VALUES ($1)", one.Result); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return e
}

func (e *together) claim() []claimed {
	e.t.Helper()
	jobs, err := e.worker.claim(e.t.Context(), allDue)
	if err != nil || len(jobs) == 0 {
		e.t.Fatal(jobs, err)
	}
	return jobs
}

// end lets runs end at the same moment, each with its key as result, and does what follows for each as its run would.
func (e *together) end(runs ...claimed) []error {
	e.t.Helper()
	var all []*ending
	for _, run := range runs {
		all = append(all, &ending{run, run.Key, make(chan error, 1)})
	}
	e.worker.endings.waiting = slices.Clone(all)
	e.worker.storeEndings()
	var outcomes []error
	for i, one := range all {
		err := <-one.stored
		if err != nil {
			e.worker.fail(e.t.Context(), runs[i], err)
		}
		outcomes = append(outcomes, err)
	}
	return outcomes
}

func keysUpTo(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%03d", i)
	}
	return keys
}

func stored(context.Context, *sqldb.Tx, Job) error { return nil }

func TestJobsThatEndTogetherShareATransaction(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		keys := keysUpTo(endingsAtOnce + 6)
		e := endTogether(b, keys, stored)
		e.end(e.claim()...)
		if len(e.stores) != 2 {
			t.Errorf("%d transactions: %q", len(e.stores), e.stores)
		}
		b.results(keys...)
		b.unfinished(0)
	})
}

func TestAResultThatCannotBeStoredHarmsNoOther(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("refused") },
		"panic": func() error { panic("refused") },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				e := endTogether(b, []string{"a", "b", "c"}, func(_ context.Context, _ *sqldb.Tx, j Job) error {
					if j.Key == "b" {
						return fail()
					}
					return nil
				})
				e.end(e.claim()...)
				slices.Sort(e.stores)
				if want := []string{"a", "a b c", "b", "c"}; !slices.Equal(e.stores, want) {
					t.Errorf("transactions for %q, want %q", e.stores, want)
				}
				b.results("a", "c")
				b.unfinished(1) // b, to be tried again
			})
		})
	}
}

func TestALostLeaseHarmsNoOther(t *testing.T) {
	for name, change := range map[string]string{
		"taken over":          "UPDATE jobs SET lease_token = 'another' WHERE key = 'b'",
		"ended by another":    "DELETE FROM jobs WHERE key = 'b'",
		"failed for another":  "UPDATE jobs SET lease_token = NULL WHERE key = 'b'",
		"taken and asked for": "UPDATE jobs SET lease_token = 'another', again_at = 1 WHERE key = 'b'",
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				e := endTogether(b, []string{"a", "b", "c"}, stored)
				runs := e.claim()
				if _, err := b.db.ExecContext(t.Context(), change); err != nil {
					t.Fatal(err)
				}
				e.end(runs...)
				b.results("a", "c")
			})
		})
	}
}

func TestJobsThatEndTogetherAreEnqueuedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		e := endTogether(b, []string{"a", "b", "c"}, func(ctx context.Context, tx *sqldb.Tx, j Job) error {
			if j.Key == "b" {
				return Enqueue(ctx, tx, job("b", "again"))
			}
			return nil
		})
		e.end(e.claim()...)
		if len(e.stores) != 1 {
			t.Errorf("transactions for %q", e.stores)
		}
		b.results("a", "b", "c")
		b.unfinished(1)
		b.runDue(b.worker(nil), 1)
		b.called("b again 1")
	})
}

// A job whose lease ended while it ran may end twice in one worker: only the run that holds the lease counts.
func TestAJobThatEndsTwice(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		e := endTogether(b, []string{"a"}, stored)
		first := e.claim()
		b.clock = b.clock.Add(time.Hour)
		second := e.claim()
		outcomes := e.end(first[0], second[0])
		if !errors.Is(outcomes[0], errLeaseLost) || outcomes[1] != nil {
			t.Errorf("outcomes %v", outcomes)
		}
		b.results("a")
		b.unfinished(0)
	})
}
