package timer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// run runs a timer for a while of simulated time, and gives the instants it fired for, since its start.
func run(t *testing.T, timer Timer, fire func(n int) error, d time.Duration) []time.Duration {
	t.Helper()
	var fired []time.Duration
	start := time.Now()
	timer.Every = time.Second
	timer.Log = slog.New(slog.DiscardHandler)
	timer.Fire = func(_ context.Context, before time.Time) (int, error) {
		fired = append(fired, before.Sub(start))
		return 1, fire(len(fired))
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := timer.Run(ctx); err != nil {
		t.Error(err)
	}
	return fired
}

func fine(int) error { return nil }

func seconds(list ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range list {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

func TestTicks(t *testing.T) {
	tests := map[string]struct {
		safe func(start time.Time) (time.Time, error)
		fire func(n int) error
		want []time.Duration
	}{
		"always safe":         {nil, fine, seconds(0, 1, 2, 3)},
		"unknown progress":    {func(time.Time) (time.Time, error) { return time.Time{}, nil }, fine, nil},
		"consumers behind":    {func(start time.Time) (time.Time, error) { return start.Add(-5 * time.Second), nil }, fine, seconds(-5, -5, -5, -5)},
		"consumers ahead":     {func(start time.Time) (time.Time, error) { return start.Add(time.Hour), nil }, fine, seconds(0, 1, 2, 3)},
		"progress unreadable": {func(time.Time) (time.Time, error) { return time.Now(), errors.New("database away") }, fine, nil},
		"errors":              {nil, func(n int) error { return errors.New("database away") }, seconds(0, 1, 2, 3)},
		"panic": {nil, func(n int) error {
			if n == 2 {
				panic("boom")
			}
			return nil
		}, seconds(0, 1, 2, 3)},
		// Fire takes from 0 to 2.5 s: of the ticks at 1 s and 2 s one is made up for.
		"slow": {nil, func(n int) error {
			if n == 1 {
				time.Sleep(2500 * time.Millisecond) // of simulated time
			}
			return nil
		}, seconds(0, 2.5, 3)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				timer := Timer{Name: name}
				if test.safe != nil {
					start := time.Now()
					timer.Safe = func(context.Context) (time.Time, error) { return test.safe(start) }
				}
				if got := run(t, timer, test.fire, 3500*time.Millisecond); !slices.Equal(got, test.want) {
					t.Errorf("fired for %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestStopEndsFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		timer := Timer{Name: "stop", Every: time.Minute, Log: slog.New(slog.DiscardHandler), Fire: func(ctx context.Context, _ time.Time) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		if err := timer.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}
