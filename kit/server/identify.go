package server

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/telemetry"
)

const (
	requestIDHeader   = "x-request-id"
	traceParentHeader = "traceparent"
	maxRequestID      = 128 // characters
	tracerName        = "orderflow.example/kit/server"
)

type requestIDKey struct{}

// RequestID is the id of the call that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func withRequestID(ctx context.Context, id string) context.Context {
	return telemetry.With(context.WithValue(ctx, requestIDKey{}, id), slog.String("request_id", id))
}

// requestIDOr takes over a caller's id when it is harmless in logs and headers, and makes one otherwise.
func requestIDOr(given string) string {
	if given == "" || len(given) > maxRequestID {
		return newID()
	}
	for _, c := range []byte(given) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return newID()
		}
	}
	return given
}

// identify gives each call its request id, which goes back in the header x-request-id, and its span.
func identify(provider trace.TracerProvider, methods methods) step {
	tracer := provider.Tracer(tracerName)
	return func(ctx context.Context, method string, next func(context.Context) error) error {
		id := requestIDOr(first(ctx, requestIDHeader))
		_ = grpc.SetHeader(ctx, metadata.Pairs(requestIDHeader, id)) // fails when gRPC has answered already (message.go): then the call is only to be counted
		ctx = telemetry.FromTraceParent(withRequestID(ctx, id), first(ctx, traceParentHeader))
		ctx, span := tracer.Start(ctx, methods.label(method), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		return next(ctx)
	}
}

// first is the first value of a header that came in.
func first(ctx context.Context, header string) string {
	if values := metadata.ValueFromIncomingContext(ctx, header); len(values) > 0 {
		return values[0]
	}
	return ""
}
