// Package app wires the inventory service.
package app

import (
	"context"

	"google.golang.org/grpc"

	"orderflow.example/inventory/internal/api"
	"orderflow.example/inventory/internal/events"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
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
	return service.Spec{
		Name:       "inventory",
		Version:    Version,
		Migrations: store.Migrations(),
		Types:      service.Types(schemas.Types("inventory", "order")),
		Writes:     schemas.Writes("inventory"),
		Topics:     service.Topics(schemas.TopicsOf("inventory")),
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
	stock := store.New(s.Outbox)

	handler := events.NewHandler(stock, cfg.ReservationExpiry)
	s.Processors = []*inbox.Processor{inbox.New(inbox.Config{
		DB: s.DB, Group: s.Spec.Name, Topics: events.Topics(), Handles: events.Handles(), Ignores: events.Ignores(),
		Decode: s.Codec.Decode, Handle: handler.Handle, Outbox: s.Outbox, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	expiry := events.NewExpiry(s.DB, stock)
	s.Timers = []*timer.Timer{{
		Name: "reservation_expiry", Every: cfg.ExpiryTick, Safe: s.Passed, Fire: expiry.Fire, Now: s.DB.Now, Log: s.Log,
	}, {
		Name: "stock_trail", Every: trailTick, Fire: trailFiller(s), Log: s.Log,
	}}

	methods := api.New(api.Config{DB: s.DB, Store: stock, ImportMaxRows: cfg.ImportMaxRows})
	err = s.Describe(service.API{
		Documents: openapi.Files,
		Events:    schemas.Catalogue,
		Register:  func(r grpc.ServiceRegistrar) { inventoryv1.RegisterInventoryServiceServer(r, methods) },
		Gateway:   inventoryv1.RegisterInventoryServiceHandler,
		Created:   []string{inventoryv1.InventoryService_CreateProduct_FullMethodName},
		Rules:     service.Rules(access.Rules(inventoryv1.File_orderflow_inventory_v1_inventory_service_proto)),
	})
	if err != nil {
		return nil, err
	}
	s.API.Routes = append(s.API.Routes, api.ImportRoute(cfg.ImportMaxBytes))
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
