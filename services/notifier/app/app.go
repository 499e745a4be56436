// Package app wires the notifier.
package app

import (
	"context"

	"google.golang.org/grpc"

	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/service"
	"orderflow.example/notifier/internal/api"
	"orderflow.example/notifier/internal/delivery"
	"orderflow.example/notifier/internal/events"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/proto/access"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	"orderflow.example/proto/openapi"
	"orderflow.example/schemas"
)

// Version is the service's version.
const Version = "0.1.0"

// Spec is what the notifier is, whatever its environment.
func Spec() service.Spec {
	return service.Spec{
		Name:       "notifier",
		Version:    Version,
		Migrations: store.Migrations(),
		Types:      service.Types(schemas.Types("notifier", "order")),
		Writes:     schemas.Writes("notifier"),
		Topics:     service.Topics(schemas.TopicsOf("notifier")),
	}
}

// New wires the service; Run of the result runs it.
func New(ctx context.Context, cfg Config) (*service.Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	channels, err := cfg.channels()
	if err != nil {
		return nil, err
	}
	s, err := service.Open(ctx, cfg.Config, Spec())
	if err != nil {
		return nil, err
	}
	notifications := store.New(s.Outbox)

	handler := events.NewHandler(notifications, channels)
	s.Processors = []*inbox.Processor{inbox.New(inbox.Config{
		DB: s.DB, Group: s.Spec.Name, Topics: events.Topics(), Handles: events.Handles(), Ignores: events.Ignores(),
		Decode: s.Codec.Decode, Handle: handler.Handle, Outbox: s.Outbox, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	deliveries := delivery.Config{
		DB: s.DB, Store: notifications, Counters: delivery.NewCounters(s.Telemetry.Metrics),
		Concurrency: cfg.DeliveryConcurrency, Attempts: cfg.DeliveryAttempts, Timeout: cfg.DeliveryTimeout, Log: s.Log, Metrics: s.Telemetry.Metrics,
	}
	for _, c := range channels {
		s.Workers = append(s.Workers, delivery.NewWorker(deliveries, c))
		s.Closers = append(s.Closers, c.Close)
	}

	methods := api.New(s.DB)
	err = s.Describe(service.API{
		Documents: openapi.Files,
		Events:    schemas.Catalogue,
		Register:  func(r grpc.ServiceRegistrar) { notifierv1.RegisterNotifierServiceServer(r, methods) },
		Gateway:   notifierv1.RegisterNotifierServiceHandler,
		Rules:     service.Rules(access.Rules(notifierv1.File_orderflow_notifier_v1_notifier_service_proto)),
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
