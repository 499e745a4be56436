package inbox

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/telemetry"
)

type metrics struct {
	applied, duplicates, ignored, parked prometheus.Counter
	dead, firstSeenGaps                  prometheus.Counter
	batch, duration                      prometheus.Observer
	nowParked                            *prometheus.GaugeVec // by status
}

func newMetrics(registerer prometheus.Registerer, consumer string) metrics {
	labels := prometheus.Labels{"consumer": consumer}
	messages := telemetry.Register(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderflow_inbox_messages_total",
		Help: "Messages by what became of them.", ConstLabels: labels}, []string{"outcome"}))
	return metrics{
		applied:    messages.WithLabelValues("applied"),
		duplicates: messages.WithLabelValues("duplicate"),
		ignored:    messages.WithLabelValues("ignored"),
		parked:     messages.WithLabelValues("parked"),
		dead: telemetry.Register(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: "orderflow_inbox_dead_lettered_total",
			Help: "Messages given up and copied to the dead-letter topic.", ConstLabels: labels})),
		firstSeenGaps: telemetry.Register(registerer, prometheus.NewCounter(prometheus.CounterOpts{Name: "orderflow_inbox_first_seen_gap_total",
			Help: "Keys whose first message seen was not their first: what was before it is never applied.", ConstLabels: labels})),
		batch: telemetry.Register(registerer, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "orderflow_inbox_batch_messages",
			Help: "Messages in a batch.", ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(1, 2, 11)})),
		duration: telemetry.Register(registerer, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "orderflow_inbox_batch_duration_seconds",
			Help: "Time to handle a batch, its commit included.", ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)})),
		nowParked: telemetry.Register(registerer, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "orderflow_inbox_parked_messages",
			Help: "Messages that are parked now.", ConstLabels: labels}, []string{"status"})),
	}
}
