package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/stripe"
	"orderflow.example/payment/internal/worker"
)

// client is the provider that the configuration names: it moves money, and shows its books.
type client interface {
	worker.Provider
	List(ctx context.Context, since time.Time, fn func([]provider.Standing) error) error
	Find(ctx context.Context, reference string) (*provider.Standing, error)
	Longest() time.Duration
	Close()
}

func newClient(cfg Config, log *slog.Logger, metrics prometheus.Registerer) (client, error) {
	if cfg.Provider == stripe.Name {
		with := cfg.stripe()
		with.Log, with.Metrics = log, metrics
		return stripe.New(with)
	}
	with := cfg.simulator()
	with.Log, with.Metrics = log, metrics
	return provider.New(with)
}
