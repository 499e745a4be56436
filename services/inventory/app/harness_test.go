package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow.example/inventory/app"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/server"
	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/kit/telemetry"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// rig is the whole service but for the broker: its ports answer, its consumer and its timer are stepped by the test.
type rig struct {
	*testing.T
	*service.Service
	inventoryv1.InventoryServiceClient
	issuer *authtest.Issuer
	http   string // base URL
	orders *avro.Codec
	said   map[string]int64 // last sequence by order
	clock  time.Time
}

func start(t *testing.T, change ...func(*app.Config)) *rig {
	t.Helper()
	r := &rig{T: t, issuer: authtest.NewIssuer(t), said: map[string]int64{}, clock: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)}
	registry := srfake.New()
	t.Cleanup(registry.Close)
	cfg := app.Config{Config: service.Config{
		DatabaseURL: sqldbtest.SQLiteURL(t), DatabaseMigrate: true, SchemaRegistryURL: registry.URL(), SchemaRegister: true,
		KafkaPartitions: 3, KafkaReplication: 1, ShutdownTimeout: 5 * time.Second,
		Kafka:     kafka.Config{Bootstrap: "127.0.0.1:9"},
		Server:    server.Config{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0"},
		Auth:      r.issuer.Config(),
		Telemetry: telemetry.Config{Output: io.Discard},
		Now:       func() time.Time { return r.clock },
	}}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if r.Service, err = app.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for topic, names := range r.Spec.Writes {
		if err := r.Codec.Resolve(t.Context(), topic, names...); err != nil {
			t.Fatal(err)
		}
	}
	r.listen()
	r.speakForOrders(registry.URL())
	return r
}

// listen serves the API until the test ends.
func (r *rig) listen() {
	r.API.Service, r.API.Version, r.API.Log, r.API.Metrics = r.Spec.Name, r.Spec.Version, r.Log, r.Telemetry.Metrics
	srv, err := server.Listen(r.Config.Server, r.API)
	if err != nil {
		r.Fatal(err)
	}
	restAddr, grpcAddr, _ := srv.Addrs()
	r.http = "http://" + restAddr
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.Fatal(err)
	}
	r.InventoryServiceClient = inventoryv1.NewInventoryServiceClient(conn)
	r.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := conn.Close(); err != nil {
			r.Error(err)
		}
		stop()
		if err := <-ended; err != nil {
			r.Errorf("server: %v", err)
		}
	})
}

// speakForOrders prepares the events of the order service.
func (r *rig) speakForOrders(registryURL string) {
	var types []avro.Type
	var names []string
	for _, t := range schemas.Types("order") {
		types, names = append(types, avro.Type(t)), append(names, t.Name)
	}
	var err error
	if r.orders, err = avro.NewCodec(avro.Config{RegistryURL: registryURL, Register: true}, types); err != nil {
		r.Fatal(err)
	}
	if err := r.orders.Resolve(r.Context(), schemas.OrderEvents, names...); err != nil {
		r.Fatal(err)
	}
}

// record is an order's next event as it comes from the broker.
func (r *rig) record(orderID string, event outbox.Record) kafka.Record {
	r.Helper()
	payload, err := r.orders.Encode(schemas.OrderEvents, event)
	if err != nil {
		r.Fatal(err)
	}
	r.said[orderID]++
	return outbox.Row{
		EventID: outbox.NewID(), Topic: schemas.OrderEvents, Key: orderID, Sequence: r.said[orderID], Type: event.RecordName(),
		Source: "order", Payload: payload, Time: r.clock, CorrelationID: orderID,
	}.Record()
}

// say lets an order's events arrive in one batch.
func (r *rig) say(orderID string, events ...outbox.Record) {
	r.Helper()
	var batch []kafka.Record
	for _, event := range events {
		batch = append(batch, r.record(orderID, event))
	}
	r.arrive(batch...)
}

func (r *rig) arrive(batch ...kafka.Record) {
	r.Helper()
	if err := r.Processors[0].Process(r.Context(), batch); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) placed(id, product string, quantity int32) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{OrderID: id, Currency: "KRW", Items: []orderv1.OrderItem{{ProductID: product, Quantity: quantity}}, OccurredAt: r.clock}
}

func (r *rig) confirmed(id, product string, quantity int32) *orderv1.OrderConfirmed {
	return &orderv1.OrderConfirmed{OrderID: id, Currency: "KRW", Items: []orderv1.OrderItem{{ProductID: product, Quantity: quantity}}, OccurredAt: r.clock}
}

func (r *rig) cancelled(id string) *orderv1.OrderCancelled {
	return &orderv1.OrderCancelled{
		OrderID: id, Currency: "KRW", PreviousStatus: orderv1.OrderStatusPending, Cause: orderv1.CancellationCauseCustomerRequest, OccurredAt: r.clock,
	}
}

// as makes calls in the name of a subject.
func (r *rig) as(subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+r.issuer.Token(subject, roles...))
}

// create adds a product of 900 KRW.
func (r *rig) create(id string, pieces, threshold int64) *inventoryv1.Product {
	r.Helper()
	p, err := r.CreateProduct(r.as("c1", "catalogue"), &inventoryv1.CreateProductRequest{
		ProductId: id, Sku: "SKU-" + id, Name: "Product " + id, Description: "What it is", Price: 900,
		InitialStock: pieces, LowStockThreshold: threshold,
	})
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r *rig) get(id string) *inventoryv1.Product {
	r.Helper()
	p, err := r.GetProduct(r.as("u1"), &inventoryv1.GetProductRequest{ProductId: id})
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r *rig) reservation(orderID string) *inventoryv1.Reservation {
	r.Helper()
	list, err := r.ListReservations(r.as("s1", "staff"), &inventoryv1.ListReservationsRequest{OrderId: orderID})
	if err != nil {
		r.Fatal(err)
	}
	if len(list.GetReservations()) != 1 {
		r.Fatalf("%d reservations of %s", len(list.GetReservations()), orderID)
	}
	return list.GetReservations()[0]
}

// answered lists what was said about a key of inventory.events, by type.
func (r *rig) answered(key string) string {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.DB, schemas.InventoryEvents, key)
	if err != nil {
		r.Fatal(err)
	}
	var types []string
	for _, row := range log {
		types = append(types, strings.TrimPrefix(row.Type, "orderflow.inventory.v1."))
	}
	return strings.Join(types, " ")
}

// rest makes a REST call and returns its status, its ETag and its JSON. Headers are pairs.
func (r *rig) rest(method, path, token, body string, headers ...string) (code int, etag string, answer map[string]any) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.http+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, response.Header.Get("ETag"), answer
}

// check runs the service's own invariants.
func (r *rig) check() {
	r.Helper()
	for _, c := range r.Checks {
		result, err := c.Run(r.Context(), r.DB)
		if err != nil {
			r.Errorf("%s: %v", c.Name, err)
		}
		for _, violation := range result.Violations {
			r.Errorf("%s: %s", c.Name, violation)
		}
	}
}
