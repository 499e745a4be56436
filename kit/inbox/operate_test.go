package inbox

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func (b *bench) operate(operation func(context.Context, *sqldb.Tx, int64) error, id int64) error {
	return b.db.InTx(b.t.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return operation(ctx, tx, id) })
}

// exhaust makes "k 2" a dead message with "k 3" behind it.
func (b *bench) exhaust() (dead, behind int64) {
	b.t.Helper()
	b.fails["k 2"] = errRefuse
	b.process(b.list("k 1", "k 2", "k 3")...)
	for range 2 {
		b.clock = b.clock.Add(time.Hour)
		b.retry(0)
	}
	all := b.parked("k 2 dead refused", "k 3 waiting behind")
	if len(b.deadLetters()) != 1 {
		b.t.Fatalf("%d dead letters", len(b.deadLetters()))
	}
	return all[0].ID, all[1].ID
}

func TestExhaustedMessageKeepsItsKeyWaiting(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.exhaust()
		delete(b.fails, "k 2")
		b.clock = b.clock.Add(24 * time.Hour)
		b.retry(0)
		b.process(b.list("k 4", "k 2", "l 1")...)
		b.effects("k 1", "l 1")
		b.parked("k 2 dead refused", "k 3 waiting behind", "k 4 waiting behind")
	})
}

func TestRedrive(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		dead, _ := b.exhaust()
		if err := b.operate(Redrive, dead); err != nil {
			t.Fatal(err)
		}
		b.retry(0) // still refused: it has its attempts before it again
		if m, err := Show(t.Context(), b.db, dead); err != nil || m.Status != "waiting" || m.Attempts != 1 {
			t.Errorf("%+v, %v", m, err)
		}
		delete(b.fails, "k 2")
		if err := b.operate(Redrive, dead); err != nil {
			t.Fatal(err)
		}
		b.retry(2)
		b.effects("k 1", "k 2", "k 3")
		b.parked()
		if len(b.deadLetters()) != 1 {
			t.Errorf("%d dead letters", len(b.deadLetters()))
		}
	})
}

func TestDiscard(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		dead, behind := b.exhaust()
		var refused *errs.Error
		if err := b.operate(Discard, behind); !errors.As(err, &refused) || refused.Code != errs.FailedPrecondition {
			t.Errorf("not the first: %v", err)
		}
		if err := b.operate(Discard, dead); err != nil {
			t.Fatal(err)
		}
		b.retry(1)
		b.process(b.list("k 2", "k 4")...)
		b.effects("k 1", "k 3", "k 4")
		b.parked()
		if err := b.operate(Discard, dead); !errors.As(err, &refused) || refused.Code != errs.NotFound {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestDiscardOfUnnumbered(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["bad"] = errRefuse
		bad := b.on("a", "k", "bad")
		b.process(bad, b.on("a", "k", "good"))
		all := b.parked("k 0 waiting refused due", "k 0 waiting behind")
		if err := b.operate(Discard, all[0].ID); err != nil {
			t.Fatal(err)
		}
		b.retry(1)
		b.process(bad)
		b.effects("good")
		b.parked()
	})
}

func TestCloseGap(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.process(b.list("k 1", "k 4", "k 5", "k 7")...)
		all := b.parked("k 4 waiting gap", "k 5 waiting behind", "k 7 waiting behind")
		var refused *errs.Error
		if err := b.operate(CloseGap, all[1].ID); !errors.As(err, &refused) || refused.Code != errs.FailedPrecondition {
			t.Errorf("not the first: %v", err)
		}
		if err := b.operate(CloseGap, all[0].ID); err != nil {
			t.Fatal(err)
		}
		b.retry(2)
		b.effects("k 1", "k 4", "k 5")
		b.parked("k 7 waiting behind")
		if err := b.operate(Discard, all[2].ID); err != nil { // and the missing 6 with it
			t.Fatal(err)
		}
		b.process(b.list("k 8")...)
		b.effects("k 1", "k 4", "k 5", "k 8")
	})
}

// Run retries when a gap closes, without waiting for its tick.
func TestRun(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		b.process(b.list("k 1", "k 3", "k 4")...)
		b.process(b.list("k 2")...)
		waitFor(t, func() bool { return b.last("a", "k") == "4" })

		b.Passed("a", 0, time.Now())
		waitFor(t, func() bool {
			passed, err := PassedAt(t.Context(), b.db, "g", map[string]int{"a": 1})
			return err == nil && !passed.IsZero()
		})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.effects("k 1", "k 2", "k 3", "k 4")
	})
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("not within 20 s")
		}
		time.Sleep(time.Millisecond) // polls
	}
}

func TestPassedAt(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		p := New(Config{DB: db, Group: "g", Log: slog.New(slog.DiscardHandler)})
		other := New(Config{DB: db, Group: "other", Log: slog.New(slog.DiscardHandler)})
		start := time.Now()
		partitions := map[string]int{"a": 2, "b": 1}
		const unknown = -1
		steps := []struct {
			topic     string
			partition int32
			at, want  time.Duration // hours after the start
		}{
			{"a", 0, 1, unknown},
			{"a", 1, 2, unknown},
			{"c", 0, 1, unknown},
			{"b", 0, 3, 1},
			{"a", 0, 4, 2},
			{"a", 1, 1, 2}, // it never goes back
			{"a", 1, 9, 3},
		}
		for i, step := range steps {
			p.Passed(step.topic, step.partition, start.Add(step.at*time.Hour))
			if err := p.storePassed(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := PassedAt(t.Context(), db, "g", partitions)
			if step.want == unknown && got.IsZero() && err == nil {
				continue
			}
			// PostgreSQL has it by its own clock, a moment earlier for the time that asking took.
			if err != nil || start.Add(step.want*time.Hour).Sub(got).Abs() > time.Minute {
				t.Errorf("step %d: %v, %v, want %d h after %v", i, got, err, step.want, start)
			}
		}
		other.Passed("a", 0, start.Add(99*time.Hour))
		if err := other.storePassed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := PassedAt(t.Context(), db, "g", map[string]int{"a": 1}); err != nil || got.Sub(start.Add(4*time.Hour)).Abs() > time.Minute {
			t.Errorf("another group's progress counts: %v, %v", got, err)
		}
	})
}

// On PostgreSQL an instant of this process's clock is kept by the server's.
func TestPassedIsByTheDatabasesClock(t *testing.T) {
	ahead := time.Hour
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.PostgresURL(t), Now: func() time.Time { return time.Now().Add(ahead) }})
	p := New(Config{DB: db, Group: "g", Log: slog.New(slog.DiscardHandler)})
	at := time.Now().Add(-time.Minute)
	p.Passed("a", 0, at)
	if err := p.storePassed(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := PassedAt(t.Context(), db, "g", map[string]int{"a": 1})
	if err != nil || got.Sub(at.Add(ahead)).Abs() > 30*time.Second || got.After(at.Add(ahead)) {
		t.Errorf("%v, %v, want a moment before %v", got, err, at.Add(ahead))
	}
}

// What could not be stored is stored later.
func TestPassedSurvivesAFailure(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.SQLiteURL(t)})
	p := New(Config{DB: db, Group: "g", Log: slog.New(slog.DiscardHandler)})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p.Passed("a", 0, at)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.storePassed(ctx); err == nil {
		t.Fatal("no error")
	}
	if err := p.storePassed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := PassedAt(t.Context(), db, "g", map[string]int{"a": 1}); err != nil || !got.Equal(at) {
		t.Errorf("%v, %v", got, err)
	}
}
