package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// readinessEvery is how often gRPC health is brought in line with the checks.
const readinessEvery = time.Second

// Run serves until ctx ends or a port fails, then drains: not ready any more, no new calls, the running ones get ShutdownTimeout.
// It returns nil after a clean stop.
func (s *Server) Run(ctx context.Context) error {
	var running sync.WaitGroup
	failed := make(chan error, 5)
	serve := func(what string, fn func() error) {
		running.Go(func() {
			if err := fn(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	serve("REST", s.serveREST)
	serve("gRPC", func() error { return s.grpc.Serve(s.listeners.grpc) })
	serve("gRPC in process", func() error { return s.inner.Serve(s.inProcess) })
	serve("admin", func() error { return s.admin.Serve(s.listeners.admin) })
	running.Go(func() { s.mirrorReadiness(s.draining) })
	if s.certificates != nil {
		running.Go(func() { s.certificates.watch(s.draining) })
	}

	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	stop := s.stop(context.WithoutCancel(ctx))
	running.Wait()
	return errors.Join(cause, stop)
}

// serveREST speaks HTTP/1.1 and, where it is encrypted, HTTP/2.
func (s *Server) serveREST() error {
	if s.certificates == nil {
		return s.rest.Serve(s.listeners.http)
	}
	return s.rest.ServeTLS(s.listeners.http, "", "")
}

// stop takes no new calls from anywhere, then drains: REST before the server inside that its calls run on, gRPC beside them; the admin port
// last, so that probes are answered to the end.
func (s *Server) stop(ctx context.Context) error {
	s.readiness.stop()
	s.drain()
	s.grpcHealth.Shutdown()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ShutdownTimeout)
	defer cancel()

	outside := make(chan bool, 1)
	go func() { outside <- gracefully(ctx, s.grpc) }()
	var cut error
	if err := s.rest.Shutdown(ctx); err != nil {
		cut = fmt.Errorf("REST calls still running after %s were cut", s.cfg.ShutdownTimeout)
		_ = s.rest.Close() // its error would be about connections that are being dropped
	}
	inside := gracefully(ctx, s.inner)
	if !<-outside || !inside {
		cut = errors.Join(cut, fmt.Errorf("gRPC calls still running after %s were cut", s.cfg.ShutdownTimeout))
	}
	return errors.Join(cut, s.hangUp(), s.admin.Close())
}

// gracefully stops a server once its calls have ended, or cuts them when ctx ends and returns false.
func gracefully(ctx context.Context, server *grpc.Server) bool {
	ended := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		server.Stop()
		<-ended
		return false
	}
}

// mirrorReadiness keeps gRPC health the same as /health/ready, until the stop begins.
func (s *Server) mirrorReadiness(ctx context.Context) {
	tick := time.NewTicker(readinessEvery)
	defer tick.Stop()
	for {
		report := s.readiness.report(ctx)
		if ctx.Err() != nil {
			return
		}
		s.publish(report.ready)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.readiness.changed:
		}
	}
}

// publish sets gRPC health for the server as a whole ("") and for each service.
func (s *Server) publish(ready bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.grpcHealth.SetServingStatus("", status)
	for service := range s.grpc.GetServiceInfo() {
		s.grpcHealth.SetServingStatus(service, status)
	}
}

func warnings(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelWarn) }
