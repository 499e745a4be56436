package kafka

import (
	"context"
	"log/slog"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// forwardLogs makes a client configured by conf log to log. The function returned ends that; call it once the client
// is closed, or could not be made.
func forwardLogs(conf ck.ConfigMap, log *slog.Logger) (stop func()) {
	lines := make(chan ck.LogEvent, 100)
	conf["go.logs.channel.enable"] = true
	conf["go.logs.channel"] = lines
	done := make(chan struct{})
	go func() {
		defer close(done)
		for line := range lines {
			level := logLevel(line.Level)
			if line.Tag == "CONFWARN" {
				level = slog.LevelDebug // about settings of ours, the same at each start
			}
			log.Log(context.Background(), level, line.Message, "client", line.Name, "tag", line.Tag)
		}
	}()
	return func() {
		close(lines)
		<-done
	}
}

// logLevel maps a syslog severity, which is what librdkafka uses.
func logLevel(severity int) slog.Level {
	switch {
	case severity <= 3:
		return slog.LevelError
	case severity == 4:
		return slog.LevelWarn
	case severity <= 6:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// logClientError logs what a client reports outside of any call. Connections come and go, and librdkafka logs those
// itself.
func logClientError(log *slog.Logger, client string, err ck.Error) {
	level := slog.LevelWarn
	switch {
	case err.IsFatal():
		level = slog.LevelError
	case err.Code() == ck.ErrTransport, err.Code() == ck.ErrAllBrokersDown, err.Code() == ck.ErrResolve:
		level = slog.LevelDebug
	}
	log.Log(context.Background(), level, "kafka client reports an error", "client", client, "code", err.Code().String(), "error", err.Error())
}
