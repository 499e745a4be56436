// Package app wires the order service.
package app

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/service"
	"orderflow.example/kit/timer"
	"orderflow.example/order/internal/api"
	"orderflow.example/order/internal/cache"
	"orderflow.example/order/internal/events"
	"orderflow.example/order/internal/store"
	"orderflow.example/order/internal/watch"
	"orderflow.example/proto/access"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/proto/openapi"
	"orderflow.example/schemas"
)

// Version is the service's version.
const Version = "0.1.0"

// Spec is what the order service is, whatever its environment.
func Spec() service.Spec {
	return service.Spec{
		Name:       "order",
		Version:    Version,
		Migrations: store.Migrations(),
		Types:      service.Types(schemas.Types("order", "inventory", "payment")),
		Writes:     schemas.Writes("order"),
		Topics:     service.Topics(schemas.TopicsOf("order")),
	}
}

// New wires the service; Run of the result runs it.
func New(ctx context.Context, cfg Config) (*service.Service, error) {
	limits, err := cfg.limits()
	if err != nil {
		return nil, err
	}
	tick, err := cfg.tick()
	if err != nil {
		return nil, err
	}
	maxUnpaid, err := cfg.maxUnpaid()
	if err != nil {
		return nil, err
	}
	heartbeat, err := cfg.heartbeat()
	if err != nil {
		return nil, err
	}
	s, err := service.Open(ctx, cfg.Config, Spec())
	if err != nil {
		return nil, err
	}
	orders := store.New(s.Outbox)
	reads, err := readCache(s, orders)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}

	handler := events.NewHandler(orders)
	s.Processors = []*inbox.Processor{inbox.New(inbox.Config{
		DB: s.DB, Group: s.Spec.Name, Topics: events.Topics(), Compacted: events.Compacted(),
		Handles: events.Handles(), Ignores: events.Ignores(),
		Decode: s.Codec.Decode, Handle: handler.Handle, Outbox: s.Outbox, Log: s.Log, Metrics: s.Telemetry.Metrics,
	})}

	limiter, err := events.NewLimiter(s.DB, orders, limits, s.Log, s.Telemetry.Metrics)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Timers = []*timer.Timer{{
		Name: "saga_limits", Every: tick, Safe: s.Passed, Fire: limiter.Fire, Now: s.DB.Now, Log: s.Log,
	}}
	if reads != nil {
		s.Timers = append(s.Timers, &timer.Timer{Name: "order_cache", Every: time.Second, Fire: reads.Keep, Log: s.Log})
	}

	hub, err := watch.NewHub(s.DB, s.Log, s.Telemetry.Metrics)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	methods, err := api.New(api.Config{
		DB: s.DB, Store: orders, Cache: reads, Hub: hub, Decode: s.Codec.Decode, Limits: limits,
		PaymentTokenRequired: cfg.PaymentTokenRequired, MaxUnpaidOrders: maxUnpaid, Metrics: s.Telemetry.Metrics,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	err = s.Describe(service.API{
		Documents: openapi.Files,
		Events:    schemas.Catalogue,
		Register:  func(r grpc.ServiceRegistrar) { orderv1.RegisterOrderServiceServer(r, methods) },
		Gateway:   orderv1.RegisterOrderServiceHandler,
		Created:   []string{orderv1.OrderService_CreateOrder_FullMethodName},
		Rules:     service.Rules(access.Rules(orderv1.File_orderflow_order_v1_order_service_proto)),
	})
	if err != nil {
		return nil, err
	}
	s.API.Routes = append(s.API.Routes, watchRoute(heartbeat))
	s.Checks = checks(s, limits)
	return s, nil
}

// readCache is nil without Redis.
func readCache(s *service.Service, orders *store.Store) (*cache.Cache, error) {
	if s.Redis == nil {
		return nil, nil
	}
	build, _ := debug.ReadBuildInfo() // nil when there is none
	c, err := cache.New(cache.Config{Redis: s.Redis, DB: s.DB, Release: release(s.Spec.Version, build), Log: s.Log, Metrics: s.Telemetry.Metrics})
	if err != nil {
		return nil, err
	}
	orders.OnChange(c.Changed)
	return c, nil
}

// Run wires the service and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
