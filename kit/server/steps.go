package server

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/grpc"
)

// A step is done around each call, unary or stream. It must call next once, or return an error.
type step func(ctx context.Context, method string, next func(context.Context) error) error

// interceptors are the steps in their order, outermost first. Logs and metrics stand outside of the recovery from panics, so that they see
// what becomes of one, and inside of the rendering, so that they see the error with its cause.
func (s *Server) interceptors(metrics *metrics) ([]grpc.UnaryServerInterceptor, []grpc.StreamServerInterceptor, error) {
	validator, err := newValidator()
	if err != nil {
		return nil, nil, err
	}
	streams, err := newOpenStreams(s.cfg.MaxStreamsPerCaller, s.limits.proxies, s.opts.Metrics)
	if err != nil {
		return nil, nil, err
	}
	around := []step{identify(s.opts.Tracer, s.methods), render, logCalls(s.opts.Log, s.limits.proxies), metrics.countCalls(s.methods), recovered, passing, s.limits.address}
	unary := []grpc.UnaryServerInterceptor{
		unaryOf(append(around, timeLimit(s.cfg.RequestTimeout))),
		s.opts.Verifier.Unary(s.opts.Rules),
		unaryOf([]step{s.limits.user}),
		refuseUnread,
		validator.unary,
	}
	stream := []grpc.StreamServerInterceptor{
		streamOf(around),
		s.refuseUnknown,
		readFrames,
		s.boundStream,
		s.opts.Verifier.Stream(s.opts.Rules),
		streamOf([]step{s.limits.user}),
		streams.bound,
		validator.stream,
	}
	return unary, stream, nil
}

func unaryOf(steps []step) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		var resp any
		err := walk(ctx, info.FullMethod, steps, func(ctx context.Context) (err error) {
			resp, err = handler(ctx, req)
			return err
		})
		return resp, err
	}
}

func streamOf(steps []step) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return walk(stream.Context(), info.FullMethod, steps, func(ctx context.Context) error {
			return handler(srv, streamWith{stream, ctx})
		})
	}
}

func walk(ctx context.Context, method string, steps []step, last func(context.Context) error) error {
	if len(steps) == 0 {
		return last(ctx)
	}
	return steps[0](ctx, method, func(ctx context.Context) error { return walk(ctx, method, steps[1:], last) })
}

// streamWith is a stream with another context.
type streamWith struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamWith) Context() context.Context { return s.ctx }

// timeLimit bounds a unary call. The handler sees it as the end of its context.
func timeLimit(limit time.Duration) step {
	return func(ctx context.Context, _ string, next func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return next(ctx)
	}
}

// newID is a request id for a caller that brought none.
func newID() string { return rand.Text() }
