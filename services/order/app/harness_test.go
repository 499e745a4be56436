package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/server"
	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/kit/telemetry"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// rig is the whole service but for the broker: its ports answer, its consumer is stepped by the test.
type rig struct {
	*testing.T
	*service.Service
	orderv1.OrderServiceClient
	issuer  *authtest.Issuer
	http    string // base URL
	foreign *avro.Codec
	said    map[string]int64 // last sequence by topic and key
	cfg     app.Config
	shut    func() // stops the API
}

func start(t *testing.T, change ...func(*app.Config)) *rig {
	t.Helper()
	r := &rig{T: t, issuer: authtest.NewIssuer(t), said: map[string]int64{}}
	registry := srfake.New()
	t.Cleanup(registry.Close)
	cfg := app.Config{Config: service.Config{
		DatabaseURL: sqldbtest.SQLiteURL(t), DatabaseMigrate: true, SchemaRegistryURL: registry.URL(), SchemaRegister: true,
		KafkaPartitions: 3, KafkaReplication: 1, ShutdownTimeout: 5 * time.Second,
		Kafka:     kafka.Config{Bootstrap: "127.0.0.1:9"},
		Server:    server.Config{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", MaxStreamsPerCaller: 1000}, // one user has all watchers
		Auth:      r.issuer.Config(),
		Telemetry: telemetry.Config{Output: io.Discard},
	}}
	for _, c := range change {
		c(&cfg)
	}
	r.cfg = cfg
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
	r.speakForOthers(registry.URL())
	r.sell("p1", 1000)
	r.sell("p2", 250)
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
	r.shut = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			r.Errorf("server: %v", err)
		}
	})
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.Fatal(err)
	}
	r.OrderServiceClient = orderv1.NewOrderServiceClient(conn)
	r.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := conn.Close(); err != nil {
			r.Error(err)
		}
		r.shut()
	})
}

// speakForOthers prepares the events of inventory and payment.
func (r *rig) speakForOthers(registryURL string) {
	var types []avro.Type
	names := map[string][]string{}
	for topic, owner := range map[string]string{schemas.InventoryEvents: "inventory", schemas.PaymentEvents: "payment"} {
		for _, t := range schemas.Types(owner) {
			types = append(types, avro.Type(t))
			names[topic] = append(names[topic], t.Name)
		}
	}
	names[schemas.ProductEvents] = []string{(*inventoryv1.ProductChanged)(nil).RecordName()}
	var err error
	if r.foreign, err = avro.NewCodec(avro.Config{RegistryURL: registryURL, Register: true}, types); err != nil {
		r.Fatal(err)
	}
	for topic, all := range names {
		if err := r.foreign.Resolve(r.Context(), topic, all...); err != nil {
			r.Fatal(err)
		}
	}
}

// say lets another service's event arrive.
func (r *rig) say(topic, key string, event outbox.Record) {
	r.Helper()
	payload, err := r.foreign.Encode(topic, event)
	if err != nil {
		r.Fatal(err)
	}
	r.said[topic+" "+key]++
	row := outbox.Row{
		EventID: outbox.NewID(), Topic: topic, Key: key, Sequence: r.said[topic+" "+key], Type: event.RecordName(), Source: "other",
		Payload: payload, Time: time.Now().UTC(), CorrelationID: key, CausationID: r.lastOwnEvent(key),
	}
	if err := r.Processors[0].Process(r.Context(), []kafka.Record{row.Record()}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) lastOwnEvent(orderID string) string {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.DB, schemas.OrderEvents, orderID)
	if err != nil {
		r.Fatal(err)
	}
	if len(log) == 0 {
		return ""
	}
	return log[len(log)-1].EventID
}

func (r *rig) sell(id string, price int64) {
	r.Helper()
	r.say(schemas.ProductEvents, id, &inventoryv1.ProductChanged{
		ProductID: id, Sku: "SKU-" + id, Name: "Product " + id, Price: price, Currency: "KRW", Version: 1, OccurredAt: time.Now().UTC(),
	})
}

// as makes calls in the name of a subject.
func (r *rig) as(subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+r.issuer.Token(subject, roles...))
}

// order places one of 2,000 KRW.
func (r *rig) order(user string) *orderv1.Order {
	r.Helper()
	o, err := r.CreateOrder(r.as(user), &orderv1.CreateOrderRequest{
		UserId: user, Items: []*orderv1.CreateOrderItem{{ProductId: "p1", Quantity: 2}}, Notes: "ring twice",
	})
	if err != nil {
		r.Fatal(err)
	}
	return o
}

func (r *rig) get(id string) *orderv1.Order {
	r.Helper()
	o, err := r.GetOrder(r.as("somebody", "staff"), &orderv1.GetOrderRequest{OrderId: id})
	if err != nil {
		r.Fatal(err)
	}
	return o
}

// rest makes a REST call and returns its status and its JSON.
func (r *rig) rest(method, path, token, body string) (int, map[string]any) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.http+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, answer
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
