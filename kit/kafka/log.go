package kafka

import (
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
			logLine(log, line)(line.Message, "client", line.Name, "tag", line.Tag)
		}
	}()
	return func() {
		close(lines)
		<-done
	}
}

// logLine returns the function to log a line with. Its level is a syslog severity.
func logLine(log *slog.Logger, line ck.LogEvent) func(message string, args ...any) {
	switch {
	case line.Tag == "CONFWARN":
		return log.Debug // about settings of ours, the same at each start
	case line.Level <= 3:
		return log.Error
	case line.Level == 4:
		return log.Warn
	case line.Level <= 6:
		return log.Info
	default:
		return log.Debug
	}
}

// logClientError logs what a client reports outside of any call. Connections come and go, and librdkafka logs those
// itself.
func logClientError(log *slog.Logger, client string, err ck.Error) {
	write := log.Warn
	switch {
	case err.IsFatal():
		write = log.Error
	case err.Code() == ck.ErrTransport, err.Code() == ck.ErrAllBrokersDown, err.Code() == ck.ErrResolve:
		write = log.Debug
	}
	write("kafka client reports an error", "client", client, "code", err.Code().String(), "error", err.Error())
}
