package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"orderflow.example/kit/telemetry"
)

const parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

func setUp(t *testing.T, cfg telemetry.Config) (*telemetry.Telemetry, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cfg.Output = &out
	tel, err := telemetry.New("order", "v1.0.0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tel, &out
}

func TestLogCarriesContext(t *testing.T) {
	tel, out := setUp(t, telemetry.Config{})
	ctx := telemetry.FromTraceParent(t.Context(), parent)
	ctx = telemetry.With(ctx, slog.String("order_id", "o1"))
	inner := telemetry.With(ctx, slog.String("event_id", "e1"))
	tel.Log.With("component", "saga").InfoContext(inner, "moved")

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"msg": "moved", "level": "INFO", "service": "order", "version": "v1.0.0", "component": "saga",
		"order_id": "o1", "event_id": "e1", "trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef",
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s is %v, want %v", key, line[key], value)
		}
	}

	out.Reset()
	tel.Log.InfoContext(ctx, "outer")
	if strings.Contains(out.String(), "event_id") {
		t.Error("an attribute of an inner context shows in the outer one")
	}
}

func TestLogLevelAndFormat(t *testing.T) {
	for level, lines := range map[string]int{"debug": 4, "": 3, "info": 3, "warn": 2, "error": 1} {
		tel, out := setUp(t, telemetry.Config{LogLevel: level, LogFormat: "text"})
		tel.Log.Debug("a")
		tel.Log.Info("b")
		tel.Log.Warn("c")
		tel.Log.Error("d")
		if got := strings.Count(out.String(), "msg="); got != lines {
			t.Errorf("level %q: %d lines, want %d", level, got, lines)
		}
	}
}

func TestBadConfig(t *testing.T) {
	tests := map[string]telemetry.Config{
		`LOG_LEVEL="loud": allowed are debug, info, warn and error`: {LogLevel: "loud"},
		`LOG_FORMAT="xml": allowed are json and text`:               {LogFormat: "xml"},
	}
	for want, cfg := range tests {
		if _, err := telemetry.New("order", "", cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTraceParent(t *testing.T) {
	if got := telemetry.TraceParent(telemetry.FromTraceParent(t.Context(), parent)); got != parent {
		t.Errorf("%q", got)
	}
	if got := telemetry.TraceParent(t.Context()); got != "" {
		t.Errorf("no trace: %q", got)
	}
	for _, malformed := range []string{"", "x", "00-00000000000000000000000000000000-0123456789abcdef-01", parent + "-and-more", strings.ToUpper(parent)} {
		if got := telemetry.TraceParent(telemetry.FromTraceParent(t.Context(), malformed)); got != "" {
			t.Errorf("%q became %q", malformed, got)
		}
	}
}

// Without an exporter spans cost little, and still give ids to logs and events.
func TestSpansCarryIDs(t *testing.T) {
	tel, _ := setUp(t, telemetry.Config{})
	tracer := tel.Tracer.Tracer("test")
	ctx, span := tracer.Start(t.Context(), "root")
	defer span.End()
	if !span.SpanContext().IsValid() || span.SpanContext().IsSampled() || span.IsRecording() {
		t.Errorf("%+v", span.SpanContext())
	}
	back := trace.SpanContextFromContext(telemetry.FromTraceParent(t.Context(), telemetry.TraceParent(ctx)))
	if back.TraceID() != span.SpanContext().TraceID() || back.SpanID() != span.SpanContext().SpanID() || !back.IsRemote() {
		t.Errorf("%+v", back)
	}
	_, child := tracer.Start(telemetry.FromTraceParent(t.Context(), parent), "child")
	defer child.End()
	if got := child.SpanContext(); got.TraceID().String() != "0123456789abcdef0123456789abcdef" || !got.IsSampled() {
		t.Errorf("%+v", got)
	}
}

func TestMetricsHaveRuntime(t *testing.T) {
	tel, _ := setUp(t, telemetry.Config{})
	families, err := tel.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	if !names["go_goroutines"] || !names["process_open_fds"] {
		t.Errorf("%v", names)
	}
}
