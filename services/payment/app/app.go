// Package app wires the payment service.
package app

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/service"
	"orderflow.example/payment/internal/api"
	"orderflow.example/payment/internal/events"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/store"
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

	calls := cfg.provider()
	calls.Log, calls.Metrics = s.Log, s.Telemetry.Metrics
	client, err := provider.New(calls)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Closers = append(s.Closers, func() error { client.Close(); return nil })
	operations := worker.New(s.DB, payments, client, s.Log)
	s.Workers = []*jobs.Worker{jobs.NewWorker(jobs.Config[*worker.Answer]{
		DB: s.DB, Kind: worker.Kind, Concurrency: cfg.ProviderConcurrency, Timeout: client.Longest(),
		Handle: operations.Handle, Store: operations.Store, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

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

// Run wires the service and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
