package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count calls and how long they take. Labels come from tables of ours (methods, route patterns, codes), never from what a caller sends.
type metrics struct {
	httpTotal    *prometheus.CounterVec
	httpDuration *prometheus.HistogramVec
	grpcTotal    *prometheus.CounterVec
	grpcDuration *prometheus.HistogramVec
}

// buckets in seconds.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		httpTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "REST requests by method, route and status.",
		}, []string{"method", "route", "code"}),
		httpDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a REST request.", Buckets: buckets,
		}, []string{"method", "route"}),
		grpcTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_requests_total", Help: "gRPC calls by method and code, those of the REST gateway included.",
		}, []string{"method", "code"}),
		grpcDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_request_duration_seconds", Help: "Time to answer a gRPC call.", Buckets: buckets,
		}, []string{"method"}),
	}
	for _, c := range []prometheus.Collector{m.httpTotal, m.httpDuration, m.grpcTotal, m.grpcDuration} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) countCalls(methods methods) step {
	return func(ctx context.Context, method string, next func(context.Context) error) error {
		began := time.Now()
		err := next(ctx)
		method = methods.label(method)
		m.grpcTotal.WithLabelValues(method, codeOf(err).String()).Inc()
		m.grpcDuration.WithLabelValues(method).Observe(time.Since(began).Seconds())
		return err
	}
}

func (m *metrics) countRequest(method, route string, status int, took time.Duration) {
	method = knownMethod(method)
	m.httpTotal.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.httpDuration.WithLabelValues(method, route).Observe(took.Seconds())
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
