package delivery

import "github.com/prometheus/client_golang/prometheus"

// Counters count deliveries that ended, by channel.
type Counters struct{ total, failures *prometheus.CounterVec }

// NewCounters registers notification_total (sent or failed) and notification_failed_total.
func NewCounters(metrics prometheus.Registerer) *Counters {
	c := &Counters{
		total:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "notification_total", Help: "Deliveries that ended, sent or failed."}, []string{"channel"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "notification_failed_total", Help: "Deliveries that failed for good."}, []string{"channel"}),
	}
	metrics.MustRegister(c.total, c.failures)
	return c
}

func (c *Counters) sent(channel string, n int) { c.total.WithLabelValues(channel).Add(float64(n)) }

func (c *Counters) failed(channel string) {
	c.total.WithLabelValues(channel).Inc()
	c.failures.WithLabelValues(channel).Inc()
}
