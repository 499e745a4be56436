// Package app wires the inventory service.
package app

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"orderflow.example/inventory/internal/api"
	"orderflow.example/inventory/internal/events"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/auth"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/service"
	"orderflow.example/kit/timer"
	"orderflow.example/proto/access"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	"orderflow.example/proto/openapi"
	"orderflow.example/schemas"
)

// Version is the service's version.
const Version = "0.1.0"

// Spec is what the inventory service is, whatever its environment.
func Spec() service.Spec {
	spec := service.Spec{
		Name:       "inventory",
		Version:    Version,
		Migrations: store.Migrations(),
		Writes:     schemas.Writes("inventory"),
	}
	for _, t := range schemas.Types("inventory", "order") {
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
	stock := store.New(s.Outbox)

	handler := events.NewHandler(stock, cfg.ReservationExpiry)
	s.Processors = []*inbox.Processor{inbox.New(inbox.Config{
		DB: s.DB, Group: s.Spec.Name, Topics: events.Topics(), Handles: events.Handles(), Ignores: events.Ignores(),
		Decode: s.Codec.Decode, Handle: handler.Handle, Outbox: s.Outbox, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	expiry := events.NewExpiry(s.DB, stock)
	s.Timers = []*timer.Timer{{
		Name: "reservation_expiry", Every: cfg.ExpiryTick, Safe: s.Passed, Fire: expiry.Fire, Now: s.DB.Now, Log: s.Log,
	}}

	if err := describeAPI(s, api.New(api.Config{DB: s.DB, Store: stock})); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Checks = append(check.Common(), store.Checks(s.Codec.Decode)...)
	return s, nil
}

func describeAPI(s *service.Service, methods *api.Server) error {
	document, err := openapi.Files.ReadFile("inventory.swagger.json")
	if err != nil {
		return err
	}
	s.API.OpenAPI = document
	s.API.Register = func(r grpc.ServiceRegistrar) { inventoryv1.RegisterInventoryServiceServer(r, methods) }
	s.API.Gateway = append(s.API.Gateway, inventoryv1.RegisterInventoryServiceHandler)
	s.API.Created = []string{inventoryv1.InventoryService_CreateProduct_FullMethodName}
	s.API.Rules = make(map[string]auth.Rule)
	for method, rule := range access.Rules(inventoryv1.File_orderflow_inventory_v1_inventory_service_proto) {
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
