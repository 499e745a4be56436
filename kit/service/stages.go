package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// loop is the contract of everything that runs in the background: it blocks until ctx ends, then returns nil.
type loop func(ctx context.Context) error

type stage struct {
	name  string
	stop  context.CancelFunc
	group *errgroup.Group
}

// stages are groups of loops, started one after the other and stopped in the reverse order, so that what makes work
// stops before what finishes it.
type stages struct {
	ctx     context.Context // outlives the caller's: each stage is stopped in its turn
	running []*stage
	failed  chan error
}

func newStages(ctx context.Context, failed chan error) *stages {
	return &stages{ctx: context.WithoutCancel(ctx), failed: failed}
}

func (s *stages) start(name string, loops ...loop) {
	ctx, stop := context.WithCancel(s.ctx)
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range loops {
		group.Go(func() error {
			err := run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
				select {
				case s.failed <- err:
				default: // an earlier failure already stops the service
				}
			}
			return err
		})
	}
	s.running = append(s.running, &stage{name: name, stop: stop, group: group})
}

// stop ends all stages, the last started first. Each may take as long as the limit.
func (s *stages) stop(limit time.Duration) error {
	var failures []error
	for i := len(s.running) - 1; i >= 0; i-- {
		failures = append(failures, s.running[i].end(limit))
	}
	return errors.Join(failures...)
}

func (s *stage) end(limit time.Duration) error {
	s.stop()
	done := make(chan error, 1)
	go func() { done <- s.group.Wait() }()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case err := <-done:
		return err
	case <-deadline.C:
		return fmt.Errorf("%s did not stop within %s", s.name, limit)
	}
}
