package telemetry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers a collector, or gives the one that is registered under its name already. A nil registerer keeps
// nothing. It panics for two metrics of one name and different kinds: a mistake in the program.
func Register[T prometheus.Collector](registerer prometheus.Registerer, collector T) T {
	if registerer == nil {
		return collector
	}
	err := registerer.Register(collector)
	if exists, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := exists.ExistingCollector.(T); ok {
			return same
		}
	}
	if err != nil {
		panic(err)
	}
	return collector
}
