package outbox

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/telemetry"
)

type metrics struct {
	unsent, oldest, refused prometheus.Gauge
	sent, refusals          prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return telemetry.Register(registerer, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
	}
	counter := func(name, help string) prometheus.Counter {
		return telemetry.Register(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
	}
	return metrics{
		unsent:   gauge("orderflow_outbox_unsent_events", "Committed events that the broker has not acknowledged."),
		oldest:   gauge("orderflow_outbox_oldest_unsent_age_seconds", "Age of the oldest event that the broker has not acknowledged."),
		refused:  gauge("orderflow_outbox_refused_events", "Events that the broker will never take as they are; each holds back its key."),
		sent:     counter("orderflow_outbox_sent_events_total", "Events that the broker has acknowledged."),
		refusals: counter("orderflow_outbox_refusals_total", "Deliveries that the broker refused for good."),
	}
}

// reset is for a relay that is no longer the active one.
func (m metrics) reset() {
	m.unsent.Set(0)
	m.oldest.Set(0)
	m.refused.Set(0)
}
