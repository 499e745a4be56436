package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
)

// errStreamTime ends a stream that has lasted as long as one may. Its client begins a new one where this one ended, with a token that is verified anew.
var errStreamTime = errs.New(errs.Unavailable, "STREAM_TIME_OVER", "the stream has lasted as long as one may: begin a new one").Retry(100 * time.Millisecond)

// boundStream ends a stream after MAX_STREAM_TIME. One that only the server writes to, such as a watch, ends when the stop begins, too: it would hold up
// the stop, and its client begins a new one elsewhere. Health is exempt from the time: who watches it takes the end for a failure.
func (s *Server) boundStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	if !info.IsClientStream {
		defer context.AfterFunc(s.draining, func() { cancel(errStopping) })()
	}
	if !isProbe(info.FullMethod) {
		defer time.AfterFunc(s.cfg.MaxStreamTime, func() { cancel(errStreamTime) }).Stop()
	}
	err := handler(srv, endingStream{stream, ctx})
	if cause := context.Cause(ctx); err != nil && (errors.Is(cause, errStopping) || errors.Is(cause, errStreamTime)) {
		return cause
	}
	return err
}

func isProbe(method string) bool { return strings.HasPrefix(method, probes) }

// endingStream ends reads and writes with its context: those of gRPC end with the connection's alone, and a client that sends nothing, or takes
// nothing, would hold its stream for ever.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s endingStream) Context() context.Context { return s.ctx }

func (s endingStream) RecvMsg(message any) error {
	return s.orEnd(func() error { return s.ServerStream.RecvMsg(message) })
}

func (s endingStream) SendMsg(message any) error {
	return s.orEnd(func() error { return s.ServerStream.SendMsg(message) })
}

// orEnd leaves a call that hangs behind; it ends when the handler returns, for the stream is over then.
func (s endingStream) orEnd(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// openStreams bounds how many streams a caller has open at a time: each holds memory and wakes up for every change.
type openStreams struct {
	limit   int
	proxies proxies
	gauge   prometheus.Gauge

	mu   sync.Mutex
	open map[string]int // by caller
}

func newOpenStreams(limit int, proxies proxies, registry *prometheus.Registry) (*openStreams, error) {
	o := &openStreams{limit: limit, proxies: proxies, open: map[string]int{}, gauge: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "grpc_streams_open", Help: "Streams that are open, those of REST included.",
	})}
	return o, registry.Register(o.gauge)
}

// bound stands behind the authentication: a caller is a subject, or the address of one without a token.
func (o *openStreams) bound(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if isProbe(info.FullMethod) {
		return handler(srv, stream)
	}
	caller := o.callerOf(stream.Context())
	if !o.enter(caller) {
		return errs.New(errs.ResourceExhausted, "TOO_MANY_STREAMS", "%d streams are open already: end one first", o.limit).
			With("limit", strconv.Itoa(o.limit)).Retry(5 * time.Second)
	}
	defer o.leave(caller)
	return handler(srv, stream)
}

func (o *openStreams) enter(caller string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open[caller] >= o.limit {
		return false
	}
	o.open[caller]++
	o.gauge.Inc()
	return true
}

func (o *openStreams) leave(caller string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gauge.Dec()
	if o.open[caller]--; o.open[caller] == 0 {
		delete(o.open, caller)
	}
}

func (o *openStreams) callerOf(ctx context.Context) string {
	if subject := auth.FromContext(ctx).Subject; subject != "" {
		return "subject " + subject
	}
	if _, ours := caller(ctx); ours { // the gateway adds who has called it as the last
		chain := first(ctx, forwardedHeader)
		last := strings.LastIndexByte(chain, ',')
		return "address " + o.proxies.client(strings.TrimSpace(chain[last+1:]), []string{chain[:max(last, 0)]})
	}
	return "address " + o.proxies.ofCall(ctx)
}
