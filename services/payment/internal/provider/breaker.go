package provider

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker says when the provider is left alone: once at least Calls calls ended within the last Window and half of them
// or more had no definite answer. After Pause one call tries again, and either closes the circuit or begins a new pause.
type Breaker struct {
	Calls  uint32        // 0: 20
	Window time.Duration // 0: 10 s
	Pause  time.Duration // 0: 5 s
}

// trialCalls is how many calls in a row have to succeed after a pause. With more than one, a provider that fails only
// some of its calls, too few to open the circuit, would keep it open for long.
const trialCalls = 1

// circuit is the breaker, and since when it has not been closed.
type circuit struct {
	*gobreaker.CircuitBreaker[struct{}]
	pause  time.Duration
	opened atomic.Pointer[time.Time] // nil: closed
}

const (
	longestPause = time.Minute
	pauseShare   = 4 // a paused call comes back after a quarter of the time for which the provider has been failing
)

// retryAfter is when it makes sense to come back while the circuit is open: after the pause at first, and later and
// later the longer the provider fails, so that many who wait are no load.
func (c *circuit) retryAfter() time.Duration {
	opened := c.opened.Load()
	if opened == nil {
		return c.pause
	}
	return pauseAfter(c.pause, time.Since(*opened))
}

func pauseAfter(pause, failing time.Duration) time.Duration {
	return max(pause, min(failing/pauseShare, longestPause))
}

func newCircuit(cfg Breaker, log *slog.Logger, m *metrics) *circuit {
	if cfg.Calls == 0 {
		cfg.Calls = 20
	}
	if cfg.Window == 0 {
		cfg.Window = 10 * time.Second
	}
	if cfg.Pause == 0 {
		cfg.Pause = 5 * time.Second
	}
	c := &circuit{pause: cfg.Pause}
	c.CircuitBreaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         "payment provider",
		MaxRequests:  trialCalls,
		Interval:     cfg.Window,
		BucketPeriod: cfg.Window / 10,
		Timeout:      cfg.Pause,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			ended := counts.TotalSuccesses + counts.TotalFailures
			return ended >= cfg.Calls && counts.TotalFailures*2 >= ended
		},
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn("the circuit to the payment provider changed", "from", from.String(), "to", to.String())
			m.circuit(to == gobreaker.StateOpen)
			if from == gobreaker.StateClosed {
				now := time.Now()
				c.opened.Store(&now)
			}
			if to == gobreaker.StateClosed {
				c.opened.Store(nil)
			}
		},
		IsSuccessful: func(err error) bool { return err == nil || definite(err) },
		IsExcluded:   stopped,
	})
	return c
}

// definite tells whether the provider answered, be it with a no.
func definite(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && (failed.Class == Declined || failed.Class == Permanent || failed.Class == Conflict)
}

func stopped(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.Stopped
}
