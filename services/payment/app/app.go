// Package app wires the payment service.
package app

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/kafka"
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
	ownevents "orderflow.example/schemas/paymentv1"
)

// Version is the service's version.
const Version = "0.1.0"

// Spec is what the payment service is, whatever its environment.
func Spec() service.Spec {
	spec := service.Spec{
		Name:       "payment",
		Version:    Version,
		Migrations: store.Migrations(),
		Writes: map[string][]string{
			schemas.PaymentEvents: {
				(*ownevents.PaymentAuthorized)(nil).RecordName(),
				(*ownevents.PaymentDeclined)(nil).RecordName(),
				(*ownevents.PaymentCaptured)(nil).RecordName(),
				(*ownevents.PaymentCaptureFailed)(nil).RecordName(),
				(*ownevents.PaymentVoided)(nil).RecordName(),
				(*ownevents.PaymentRefunded)(nil).RecordName(),
				(*ownevents.PaymentRefundFailed)(nil).RecordName(),
			},
		},
	}
	for _, t := range schemas.Types("payment", "order") {
		spec.Types = append(spec.Types, avro.Type(t))
	}
	for _, t := range schemas.TopicsOf(spec.Name) {
		spec.Topics = append(spec.Topics, kafka.Topic{Name: t.Name, Partitions: t.Partitions, Compacted: t.Compacted, Retention: t.Retention})
	}
	return spec
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
	s.Workers = []*jobs.Worker{jobs.NewWorker(jobs.Config{
		DB: s.DB, Kind: worker.Kind, Concurrency: cfg.ProviderConcurrency, Timeout: client.Longest(),
		Handle: worker.New(s.DB, payments, client, s.Log).Handle, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	if err := describeAPI(s, api.New(s.DB)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Checks = append(check.Common(), store.Checks(s.Codec.Decode)...)
	return s, nil
}

func describeAPI(s *service.Service, methods *api.Server) error {
	document, err := openapi.Files.ReadFile("payment.swagger.json")
	if err != nil {
		return err
	}
	s.API.OpenAPI = document
	s.API.Register = func(r grpc.ServiceRegistrar) { paymentv1.RegisterPaymentServiceServer(r, methods) }
	s.API.Gateway = append(s.API.Gateway, paymentv1.RegisterPaymentServiceHandler)
	s.API.Rules = make(map[string]auth.Rule)
	for method, rule := range access.Rules(paymentv1.File_orderflow_payment_v1_payment_service_proto) {
		s.API.Rules[method] = auth.Rule{Public: rule.Public, Roles: rule.Roles}
	}
	return nil
}

// Run wires the service and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
