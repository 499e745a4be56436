package property

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	inventory "orderflow.example/inventory/app"
	"orderflow.example/kit/auth"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/service"
	"orderflow.example/kit/telemetry"
	notifier "orderflow.example/notifier/app"
	order "orderflow.example/order/app"
	payment "orderflow.example/payment/app"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// reporter is what *testing.T and *rapid.T have in common here.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// names are the services, in the order in which steps go through them.
var names = []string{"order", "inventory", "payment", "notifier"}

// world is the four services, wired as in production but for what moves them: no loop runs, every step is taken by
// the test, and topics are lists in memory.
type world struct {
	reporter
	ctx      context.Context
	clock    clock
	services map[string]*service.Service
	orders   orderv1.OrderServiceServer
	goods    inventoryv1.InventoryServiceServer
	provider *provider
	receiver *receiver

	logs    map[string]*topicLog
	readers []*reader
	mute    map[string]bool // services whose relay is down
	placed  []placed
	seen    sights // of this schedule
}

func newWorld(tb reporter) *world {
	tb.Helper()
	w := &world{reporter: tb, ctx: context.Background(), services: map[string]*service.Service{}, provider: newProvider(), receiver: newReceiver()}
	w.clock.reset()
	for _, name := range names {
		s, err := w.wire(name)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		w.services[name] = s
		for topic, types := range s.Spec.Writes {
			if err := s.Codec.Resolve(w.ctx, topic, types...); err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
		}
	}
	w.services["order"].API.Register(grab(func(impl any) { w.orders = impl.(orderv1.OrderServiceServer) }))
	w.services["inventory"].API.Register(grab(func(impl any) { w.goods = impl.(inventoryv1.InventoryServiceServer) }))
	w.connect()
	return w
}

// grab is a gRPC registrar that hands out what is registered: the methods are called without a network.
type grab func(impl any)

func (g grab) RegisterService(_ *grpc.ServiceDesc, impl any) { g(impl) }

func (w *world) wire(name string) (*service.Service, error) {
	shared := service.Config{
		Environment: "test", DatabaseURL: "sqlite::memory:", DatabaseMigrate: true,
		SchemaRegistryURL: registryURL, SchemaRegister: true,
		KafkaPartitions: 1, KafkaReplication: 1, ShutdownTimeout: time.Second,
		Kafka:     kafka.Config{Bootstrap: "127.0.0.1:9"}, // never asked
		Auth:      auth.Config{Mode: auth.ModeNone},
		Telemetry: telemetry.Config{Output: io.Discard, LogLevel: "error"},
		Now:       w.clock.now,
	}
	switch name {
	case "order":
		return order.New(w.ctx, order.Config{Config: shared})
	case "inventory":
		return inventory.New(w.ctx, inventory.Config{Config: shared})
	case "payment":
		return payment.New(w.ctx, payment.Config{Config: shared, ProviderURL: w.provider.server.URL, BreakerCalls: 1 << 30})
	case "notifier":
		return notifier.New(w.ctx, notifier.Config{
			Config: shared, EnabledChannels: []string{"webhook"}, DeliveryConcurrency: 1, DeliveryAttempts: 100, DeliveryTimeout: 10 * time.Second,
			WebhookURL: w.receiver.server.URL, WebhookSecret: "whsec_cHJvcGVydHkgdGVzdCBvZiB0aGUgd2hvbGU=",
		})
	}
	return nil, fmt.Errorf("there is no service %q", name)
}

func (w *world) close() error {
	var failures []error
	for _, s := range w.services {
		failures = append(failures, s.Close())
	}
	w.provider.close()
	w.receiver.server.Close()
	return errors.Join(failures...)
}

// begin empties everything, so that a schedule meets what a new installation would.
func (w *world) begin(tb reporter) {
	tb.Helper()
	w.reporter = tb
	for _, name := range names {
		if err := empty(w.ctx, w.services[name].DB); err != nil {
			tb.Fatalf("empty the database of %s: %v", name, err)
		}
	}
	w.clock.reset()
	w.provider.trouble(0, 0)
	w.receiver.reset()
	w.connect()
	w.placed, w.seen = nil, sights{}
}
