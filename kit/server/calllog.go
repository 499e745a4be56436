package server

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"orderflow.example/kit/errs"
)

const (
	maxText = 200 // bytes
	probes  = "/grpc.health.v1.Health/"
)

// logCalls writes one line per gRPC call. A call of the gateway has its line at the REST edge, and one here only for a failure of ours: the cause is known here alone.
func logCalls(log *slog.Logger, proxies proxies) step {
	return func(ctx context.Context, method string, next func(context.Context) error) error {
		began := time.Now()
		err := next(ctx)
		_, ours := caller(ctx)
		code := codeOf(err)
		if ours && !isFault(code) {
			return err
		}
		attrs := []slog.Attr{
			slog.String("method", method),
			slog.String("code", code.String()),
			tookMillis(time.Since(began)),
			slog.String("user_agent", clip(first(ctx, "user-agent"))),
			slog.String("address", proxies.ofCall(ctx)),
		}
		level := levelOf(code)
		if code == codes.OK && strings.HasPrefix(method, probes) {
			level = slog.LevelDebug
		}
		log.LogAttrs(ctx, level, "call", append(attrs, why(err, code)...)...)
		return err
	}
}

// isFault holds for a code that says that we, not the caller, did wrong.
func isFault(code codes.Code) bool {
	return code == codes.Internal || code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Unimplemented
}

func levelOf(code codes.Code) slog.Level {
	switch {
	case code == codes.Internal:
		return slog.LevelError
	case isFault(code):
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// why gives the cause of a failure of ours, and of a caller's mistake only the reason: its text repeats what the caller sent.
func why(err error, code codes.Code) []slog.Attr {
	switch {
	case err == nil:
		return nil
	case isFault(code):
		return []slog.Attr{slog.String("error", err.Error())}
	}
	return []slog.Attr{slog.String("reason", errs.From(err).Reason)}
}

// caller is the address of who calls, and whether that is our own gateway.
func caller(ctx context.Context) (address string, ours bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	return hostOf(p.Addr.String()), p.Addr.Network() == "bufconn"
}

func tookMillis(took time.Duration) slog.Attr {
	return slog.Float64("duration_ms", float64(took.Microseconds())/1000)
}

func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// clip makes a text that a caller chose short and valid UTF-8.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
