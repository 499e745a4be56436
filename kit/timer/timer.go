// Package timer fires what is due at regular ticks, and never for an instant that the consumers have not passed: a
// backlog of messages is worked off before anything expires.
package timer

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Timer looks for due work every now and then. Several replicas may run the same timer: Fire takes what others have
// not taken.
type Timer struct {
	Name  string
	Every time.Duration // between two ticks; a tick that is missed is not made up for

	// Safe is the instant up to which the consumers have passed (inbox.PassedAt); its zero time says that this is not
	// known, and nothing fires. Nil: always safe.
	Safe func(ctx context.Context) (time.Time, error)

	// Fire handles everything that is due at or before the instant, in batches of its own, and tells how much that was.
	// What fails is logged and tried again at the next tick.
	Fire func(ctx context.Context, before time.Time) (int, error)

	// Now is the clock that the due instants were written by: the database's (sqldb.DB.Now). Nil: the process's.
	Now func(ctx context.Context) (time.Time, error)

	Log *slog.Logger // nil: slog.Default()
}

// Run ticks until ctx ends.
func (t *Timer) Run(ctx context.Context) error {
	log := t.Log
	if log == nil {
		log = slog.Default()
	}
	ticker := time.NewTicker(t.Every)
	defer ticker.Stop()
	for {
		fired, err := t.tick(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			log.WarnContext(ctx, "a timer failed and is tried again at its next tick", "timer", t.Name, "error", err)
		case fired > 0:
			log.DebugContext(ctx, "a timer fired", "timer", t.Name, "count", fired)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C: // holds one missed tick at most
		}
	}
}

// tick fires once, for the earlier of now and what the consumers have passed.
func (t *Timer) tick(ctx context.Context) (fired int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	before := time.Now()
	if t.Now != nil {
		if before, err = t.Now(ctx); err != nil {
			return 0, fmt.Errorf("the clock: %w", err)
		}
	}
	if t.Safe != nil {
		safe, err := t.Safe(ctx)
		if err != nil {
			return 0, fmt.Errorf("how far consumers have passed: %w", err)
		}
		if safe.IsZero() {
			return 0, nil
		}
		if safe.Before(before) {
			before = safe
		}
	}
	return t.Fire(ctx, before.UTC().Truncate(time.Microsecond))
}
