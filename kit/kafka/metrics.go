package kafka

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type consumerMetrics struct {
	lag      *prometheus.GaugeVec
	consumed *prometheus.CounterVec
	batch    prometheus.Observer
	handling prometheus.Observer
	failures prometheus.Counter
}

func newConsumerMetrics(registry prometheus.Registerer, group string) consumerMetrics {
	return consumerMetrics{
		lag: register(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kafka_consumer_lag", Help: "Records of a partition that the group has not handled yet.",
		}, []string{"topic", "partition", "group"})),
		consumed: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafka_consumer_records_total", Help: "Records handled.",
		}, []string{"topic", "group"})),
		batch: register(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kafka_consumer_batch_records", Help: "Records in a batch given to the handler.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}, []string{"group"})).WithLabelValues(group),
		handling: register(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kafka_consumer_handling_seconds", Help: "Time that the handler took for a batch, failed or not.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"group"})).WithLabelValues(group),
		failures: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafka_consumer_failures_total", Help: "Batches that the handler failed and that wait to be tried again.",
		}, []string{"group"})).WithLabelValues(group),
	}
}

type producerMetrics struct {
	produced, refused *prometheus.CounterVec
}

func newProducerMetrics(registry prometheus.Registerer) producerMetrics {
	return producerMetrics{
		produced: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafka_producer_records_total", Help: "Records that the brokers acknowledged.",
		}, []string{"topic"})),
		refused: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kafka_producer_failures_total", Help: "Sends that ended because a record was not taken; refused tells whether for good.",
		}, []string{"topic", "refused"})),
	}
}

// register returns the collector that is registered already if there is one, so that several clients share a registry.
func register[C prometheus.Collector](registry prometheus.Registerer, collector C) C {
	if registry == nil {
		return collector
	}
	err := registry.Register(collector)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return already.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // two metrics of one name and different labels: a mistake in the program
	}
	return collector
}
