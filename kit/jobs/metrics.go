package jobs

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/telemetry"
)

type metrics struct {
	runs                *prometheus.CounterVec // by outcome
	duration            prometheus.Observer
	running, unfinished prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer, kind string) metrics {
	labels := prometheus.Labels{"kind": kind}
	return metrics{
		runs: telemetry.Register(registerer, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orderflow_job_runs_total",
			Help: "Runs of jobs by outcome.", ConstLabels: labels}, []string{"outcome"})),
		duration: telemetry.Register(registerer, prometheus.NewHistogram(prometheus.HistogramOpts{Name: "orderflow_job_duration_seconds",
			Help: "Time of a job's call, without storing its result.", ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)})),
		running: telemetry.Register(registerer, prometheus.NewGauge(prometheus.GaugeOpts{Name: "orderflow_jobs_running",
			Help: "Jobs that run in this process.", ConstLabels: labels})),
		unfinished: telemetry.Register(registerer, prometheus.NewGauge(prometheus.GaugeOpts{Name: "orderflow_jobs_unfinished",
			Help: "Jobs that have not ended, in the database.", ConstLabels: labels})),
	}
}

func (w *Worker) measure(ctx context.Context) {
	count, err := Unfinished(ctx, w.db, w.kind)
	if err != nil {
		w.log.WarnContext(ctx, "jobs could not be counted", "kind", w.kind, "error", err)
		return
	}
	w.metrics.unfinished.Set(float64(count))
}
