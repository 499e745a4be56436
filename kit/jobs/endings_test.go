package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	var called sync.WaitGroup
	called.Add(len(keys))
	e.worker = NewWorker(Config[string]{
		DB: b.db, Kind: "k", Timeout: 10 * time.Second, Log: b.quiet(),
		Backoff: func(int) time.Duration { return time.Minute },
		Handle: func(_ context.Context, j Job) (string, error) {
			called.Done()
			called.Wait()
			return j.Key, nil
		},
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

// run claims all jobs, and calls them at the same time; before is done when they are claimed.
func (e *together) run(before func()) {
	e.t.Helper()
	claimed, err := e.worker.claim(e.t.Context(), allDue)
	if err != nil {
		e.t.Fatal(err)
	}
	before()
	// The first ending that arrives is stored alone; the hold lets the others arrive meanwhile.
	e.worker.endings.busy = true
	var runs sync.WaitGroup
	for _, one := range claimed {
		runs.Go(func() { e.worker.run(e.t.Context(), one) })
	}
	for e.worker.endings.count() < len(claimed) {
		time.Sleep(time.Millisecond)
	}
	e.worker.storeEndings()
	runs.Wait()
}

func (e *endings) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.waiting)
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
		e.run(func() {})
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
				e.run(func() {})
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
				e.run(func() {
					if _, err := b.db.ExecContext(t.Context(), change); err != nil {
						t.Fatal(err)
					}
				})
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
		e.run(func() {})
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
		first, err := e.worker.claim(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		b.clock = b.clock.Add(time.Hour)
		second, err := e.worker.claim(t.Context(), 1)
		if err != nil || len(second) != 1 {
			t.Fatal(second, err)
		}
		e.worker.endings.busy = true
		outcomes := make(chan error, 2)
		for i, run := range []claimed{first[0], second[0]} {
			go func() { outcomes <- e.worker.finish(run, fmt.Sprint(i)) }()
		}
		for e.worker.endings.count() < 2 {
			time.Sleep(time.Millisecond)
		}
		e.worker.storeEndings()
		if one, other := <-outcomes, <-outcomes; (one == nil) == (other == nil) || !errors.Is(errors.Join(one, other), errLeaseLost) {
			t.Errorf("outcomes %v and %v", one, other)
		}
		b.results("1")
		b.unfinished(0)
	})
}
