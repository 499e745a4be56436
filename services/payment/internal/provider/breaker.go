package provider

import (
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker says when the provider is left alone: once at least Calls calls ended within the last Window and half of them
// or more had no definite answer. After Pause a few calls try again.
type Breaker struct {
	Calls  uint32        // 0: 20
	Window time.Duration // 0: 10 s
	Pause  time.Duration // 0: 5 s
}

const trialCalls = 5 // after a pause

func newBreaker(cfg Breaker, log *slog.Logger, m *metrics) (*gobreaker.CircuitBreaker[answer], time.Duration) {
	if cfg.Calls == 0 {
		cfg.Calls = 20
	}
	if cfg.Window == 0 {
		cfg.Window = 10 * time.Second
	}
	if cfg.Pause == 0 {
		cfg.Pause = 5 * time.Second
	}
	return gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
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
		},
		IsSuccessful: func(err error) bool { return err == nil || definite(err) },
		IsExcluded:   stopped,
	}), cfg.Pause
}

// definite tells whether the provider answered, be it with a no.
func definite(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && (failed.Class == Declined || failed.Class == Permanent || failed.Class == Conflict)
}

func stopped(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.stopped
}
