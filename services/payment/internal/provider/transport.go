package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// Treatment says how a provider is treated, whichever it is.
type Treatment struct {
	Timeout     time.Duration // of one call; 0: 30 s
	Connections int           // open at a time, kept alive between calls; 0: 64
	Breaker     Breaker
	Log         *slog.Logger          // nil: slog.Default()
	Metrics     prometheus.Registerer // nil: none
}

// Validate says what is wrong.
func (t Treatment) Validate() error {
	switch {
	case t.Timeout < 0:
		return fmt.Errorf("the time-out of a call is %s: must be positive", t.Timeout)
	case t.Connections < 0:
		return fmt.Errorf("%d connections: must be positive", t.Connections)
	}
	return nil
}

// Transport is what the clients of all providers share: connections, time limits, the circuit breaker and metrics.
type Transport struct {
	timeout time.Duration
	http    *http.Client
	circuit *circuit
	metrics *metrics
}

// NewTransport makes a transport. It calls nobody.
func NewTransport(t Treatment) (*Transport, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if t.Timeout == 0 {
		t.Timeout = 30 * time.Second
	}
	if t.Connections == 0 {
		t.Connections = 64
	}
	if t.Log == nil {
		t.Log = slog.Default()
	}
	metrics := newMetrics(t.Metrics)
	return &Transport{timeout: t.Timeout, http: httpClient(t.Connections), metrics: metrics, circuit: newCircuit(t.Breaker, t.Log, metrics)}, nil
}

// httpClient keeps as many connections alive as calls run at a time, so that a busy worker dials none.
func httpClient(connections int) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        connections,
			MaxIdleConnsPerHost: connections,
			MaxConnsPerHost:     connections,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			ForceAttemptHTTP2:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an order to move money goes where it was meant to go
		},
	}
}

// HTTP makes the calls.
func (t *Transport) HTTP() *http.Client { return t.http }

// Close ends the idle connections.
func (t *Transport) Close() { t.http.CloseIdleConnections() }

// Timeout bounds a call that moves money.
func (t *Transport) Timeout() time.Duration { return t.timeout }

// LookUpTimeout bounds a reading call: it changes nothing, so it needs no patience.
func (t *Transport) LookUpTimeout() time.Duration { return min(t.timeout, 5*time.Second) }

// Longest is how long Perform and a LookUp before it take at most: the operation, and two readings
// on either side of it.
func (t *Transport) Longest() time.Duration { return t.timeout + 4*t.LookUpTimeout() }

// Do makes one call within its limit, unless the circuit is open, and counts it. The error of call, and of Do, is an
// *Error.
func (t *Transport) Do(ctx context.Context, name string, limit time.Duration, call func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := time.Now()
	_, err := t.circuit.Execute(func() (struct{}, error) { return struct{}{}, call(ctx) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return &Error{Class: Paused, RetryAfter: t.circuit.retryAfter(), Cause: err}
	}
	t.metrics.observe(name, err, time.Since(started))
	return err
}

// Watched is a context under which a call tells whether it got as far as a connection: from then on the provider may have
// heard of it.
func Watched(ctx context.Context) (context.Context, *bool) {
	sent := new(bool)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { *sent = true }}), sent
}

// Lost is a call without an answer.
func Lost(ctx context.Context, cause error, sent bool) *Error {
	class := Unavailable
	if sent {
		class = Unknown
	}
	var network *url.Error
	if errors.As(cause, &network) {
		cause = fmt.Errorf("%s: %w", network.Op, network.Err) // without its URL, which may name a user
	}
	return &Error{Class: class, Stopped: errors.Is(context.Cause(ctx), context.Canceled), Cause: cause}
}
