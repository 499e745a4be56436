package provider

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	calls *prometheus.HistogramVec
	open  prometheus.Gauge
}

func newMetrics(to prometheus.Registerer) *metrics {
	factory := promauto.With(to)
	return &metrics{
		calls: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "payment_provider_call_duration_seconds",
			Help:    "Calls to the payment provider, by what they ask and what they came to.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"call", "result"}),
		open: factory.NewGauge(prometheus.GaugeOpts{
			Name: "payment_provider_circuit_open",
			Help: "1 while the payment provider is left alone because it has been failing.",
		}),
	}
}

func (m *metrics) observe(call string, err error, took time.Duration) {
	result := "ok"
	var failed *Error
	if errors.As(err, &failed) {
		result = string(failed.Class)
	}
	m.calls.WithLabelValues(call, result).Observe(took.Seconds())
}

func (m *metrics) circuit(open bool) {
	m.open.Set(0)
	if open {
		m.open.Set(1)
	}
}
