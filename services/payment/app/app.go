// Package app wires the payment service.
package app

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/service"
	"orderflow.example/kit/timer"
	"orderflow.example/payment/internal/api"
	"orderflow.example/payment/internal/events"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/webhook"
	"orderflow.example/payment/internal/worker"
	"orderflow.example/proto/access"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
	"orderflow.example/proto/openapi"
	"orderflow.example/schemas"
)

// Version is the service's version.
const Version = "0.1.0"

// Spec is what the payment service is, whatever its environment.
func Spec() service.Spec {
	return service.Spec{
		Name:       "payment",
		Version:    Version,
		Migrations: store.Migrations(),
		Types:      service.Types(schemas.Types("payment", "order")),
		Writes:     schemas.Writes("payment"),
		Topics:     service.Topics(schemas.TopicsOf("payment")),
	}
}

// New wires the service; Run of the result runs it.
func New(ctx context.Context, cfg Config) (*service.Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := service.Open(ctx, cfg.Config, Spec())
	if err != nil {
		return nil, err
	}
	payments := store.New(s.Outbox)

	handler := events.NewHandler(payments)
	s.Processors = []*inbox.Processor{inbox.New(inbox.Config{
		DB: s.DB, Group: s.Spec.Name, Topics: events.Topics(), Handles: events.Handles(), Ignores: events.Ignores(),
		Decode: s.Codec.Decode, Handle: handler.Handle, Outbox: s.Outbox, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	client, err := newClient(cfg, s.Log, s.Telemetry.Metrics)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Closers = append(s.Closers, func() error { client.Close(); return nil })
	operations := worker.New(s.DB, payments, client, s.Log)
	judge := worker.NewJudge(s.DB, s.Log, s.Telemetry.Metrics)
	s.Workers = []*jobs.Worker{
		jobs.NewWorker(jobs.Config[*worker.Answer]{
			DB: s.DB, Kind: worker.Kind, Concurrency: cfg.ProviderConcurrency, Timeout: client.Longest(),
			Handle: operations.Handle, Store: operations.Store, Log: s.Log, Metrics: s.Telemetry.Metrics,
		}),
		jobs.NewWorker(jobs.Config[*store.Notice]{
			DB: s.DB, Kind: worker.NoticeKind, Handle: judge.Handle, Store: judge.Store, Log: s.Log, Metrics: s.Telemetry.Metrics,
		}),
	}
	s.Timers = []*timer.Timer{forgetNotices(s)}
	sources, err := cfg.sources()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	webhooks := webhook.New(judge, sources, s.Log, s.Telemetry.Metrics)
	s.API.Routes = append(s.API.Routes, webhooks.Route())

	methods := api.New(s.DB)
	err = s.Describe(service.API{
		Documents: openapi.Files,
		Events:    schemas.Catalogue,
		Register:  func(r grpc.ServiceRegistrar) { paymentv1.RegisterPaymentServiceServer(r, methods) },
		Gateway:   paymentv1.RegisterPaymentServiceHandler,
		Rules:     service.Rules(access.Rules(paymentv1.File_orderflow_payment_v1_payment_service_proto)),
	})
	if err != nil {
		return nil, err
	}
	s.Checks = append(check.Common(), store.Checks(s.Codec.Decode)...)
	return s, nil
}

// forgetNotices ends the time of notices that agree with what was known all along.
func forgetNotices(s *service.Service) *timer.Timer {
	return &timer.Timer{Name: "notices", Every: time.Hour, Now: s.DB.Now, Log: s.Log,
		Fire: func(ctx context.Context, now time.Time) (int, error) {
			return store.PurgeNotices(ctx, s.DB, now.Add(-store.NoticesKept))
		},
	}
}

// Run wires the service and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
