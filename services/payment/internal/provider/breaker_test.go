package provider

import (
	"log/slog"
	"testing"
	"time"
)

// Who meets an open circuit comes back after the pause, and later the longer the provider fails: up to a minute.
func TestPauseAfter(t *testing.T) {
	for _, c := range []struct{ pause, failing, want time.Duration }{
		{5 * time.Second, 0, 5 * time.Second},
		{5 * time.Second, 20 * time.Second, 5 * time.Second},
		{5 * time.Second, 2 * time.Minute, 30 * time.Second},
		{5 * time.Second, 10 * time.Hour, time.Minute},
		{2 * time.Minute, 10 * time.Hour, 2 * time.Minute},
	} {
		if got := pauseAfter(c.pause, c.failing); got != c.want {
			t.Errorf("a pause of %s, %s after the first failure: %s, want %s", c.pause, c.failing, got, c.want)
		}
	}
}

// Trials that fail do not begin the count anew; a success ends it.
func TestRetryAfterCountsFromTheFirstOpening(t *testing.T) {
	c := newCircuit(Breaker{Calls: 1, Pause: time.Nanosecond}, slog.New(slog.DiscardHandler), newMetrics(nil))
	call := func(err error) {
		if _, got := c.Execute(func() (struct{}, error) { return struct{}{}, err }); got != err { //nolint:errorlint // the very same
			t.Fatalf("%v, want %v", got, err)
		}
	}
	call(&Error{Class: Unavailable})
	opened := c.opened.Load()
	if opened == nil {
		t.Fatal("the circuit is closed")
	}
	before := opened.Add(-time.Hour)
	c.opened.Store(&before)
	call(&Error{Class: Unavailable}) // a trial
	if got := c.retryAfter(); got != longestPause {
		t.Errorf("after an hour and a failed trial: %s, want %s", got, longestPause)
	}
	call(nil)
	if got := c.retryAfter(); got != time.Nanosecond || c.opened.Load() != nil {
		t.Errorf("closed: %s", got)
	}
}
