package server

import (
	"context"
	"errors"
	"sync"
	"time"
)

const checkTimeout = 2 * time.Second

// readiness knows whether the service can do its work: started, not stopping, and with each required dependency up.
type readiness struct {
	changed chan struct{} // the start is over: gRPC health need not wait for the next tick

	mu       sync.Mutex
	checks   []check
	started  bool
	stopping bool
}

type check struct {
	name     string
	required bool
	run      func(context.Context) error
}

// report is what /health shows.
type report struct {
	ready    bool
	Status   string                 `json:"status"` // up; degraded: an optional dependency is down; down
	Started  bool                   `json:"started"`
	Stopping bool                   `json:"stopping,omitempty"`
	Checks   map[string]checkResult `json:"checks"`
}

type checkResult struct {
	Status   string `json:"status"` // up, down
	Required bool   `json:"required"`
	Millis   int64  `json:"durationMs"`
	Error    string `json:"error,omitempty"`
}

const (
	statusUp       = "up"
	statusDegraded = "degraded"
	statusDown     = "down"
)

func newReadiness() *readiness { return &readiness{changed: make(chan struct{}, 1)} }

func (r *readiness) add(name string, required bool, run func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, check{name: name, required: required, run: run})
}

func (r *readiness) start() {
	r.mu.Lock()
	r.started = true
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default: // one notice is enough
	}
}

func (r *readiness) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
}

func (r *readiness) isStarted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// report runs all checks at once.
func (r *readiness) report(ctx context.Context) report {
	r.mu.Lock()
	checks, started, stopping := r.checks, r.started, r.stopping
	r.mu.Unlock()

	results := make([]checkResult, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.result(ctx) })
	}
	all.Wait()

	out := report{Status: statusUp, Started: started, Stopping: stopping, Checks: map[string]checkResult{}}
	for i, c := range checks {
		out.Checks[c.name] = results[i]
		switch {
		case results[i].Status == statusUp:
		case c.required:
			out.Status = statusDown
		case out.Status == statusUp:
			out.Status = statusDegraded
		}
	}
	if stopping {
		out.Status = statusDown
	}
	out.ready = started && out.Status != statusDown
	return out
}

func (c check) result(ctx context.Context) checkResult {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	answer := make(chan error, 1)
	go func() { answer <- c.run(ctx) }() // apart, so that a check that ignores its context does not hold up the answer
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = errors.New("no answer in time")
	}
	result := checkResult{Status: statusUp, Required: c.required, Millis: time.Since(began).Milliseconds()}
	if err != nil {
		result.Status, result.Error = statusDown, err.Error()
	}
	return result
}
