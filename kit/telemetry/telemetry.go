// Package telemetry gives a service its log, its metrics registry and its trace ids.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config is what an operator sets.
type Config struct {
	LogLevel  string    `env:"LOG_LEVEL" envDefault:"info"`  // debug, info, warn or error
	LogFormat string    `env:"LOG_FORMAT" envDefault:"json"` // json or text
	Output    io.Writer `env:"-"`                            // nil: standard error
}

// Telemetry is the log, the metrics and the tracer of one service. Nothing in it is global, so that several services fit in one process.
type Telemetry struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry
	Tracer  trace.TracerProvider

	spans *sdktrace.TracerProvider
}

// New sets all of it up. The error names the variable that is wrong, its value, and what is allowed.
func New(service, version string, cfg Config) (*Telemetry, error) {
	log, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	spans := newTracerProvider(service, version)
	return &Telemetry{
		Log:     log.With("service", service, "version", version),
		Metrics: metrics,
		Tracer:  spans,
		spans:   spans,
	}, nil
}

// Shutdown sends what is left to be sent.
func (t *Telemetry) Shutdown(ctx context.Context) error { return t.spans.Shutdown(ctx) }

func newLog(cfg Config) (*slog.Logger, error) {
	var level slog.Level
	switch cfg.LogLevel {
	case "debug":
		level = slog.LevelDebug
	case "", "info":
		level = slog.LevelInfo
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("LOG_LEVEL=%q: allowed are debug, info, warn and error", cfg.LogLevel)
	}
	out := cfg.Output
	if out == nil {
		out = os.Stderr
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.LogFormat {
	case "", "json":
		return slog.New(contextHandler{slog.NewJSONHandler(out, options)}), nil
	case "text":
		return slog.New(contextHandler{slog.NewTextHandler(out, options)}), nil
	}
	return nil, fmt.Errorf("LOG_FORMAT=%q: allowed are json and text", cfg.LogFormat)
}
