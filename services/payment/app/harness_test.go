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

	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/server"
	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/kit/telemetry"
	"orderflow.example/payment/app"
	"orderflow.example/payment/internal/provider/providertest"
	"orderflow.example/payment/internal/worker"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// rig is the whole service but for the broker: its ports answer, its consumer and its worker are stepped by the test,
// its provider is a fake.
type rig struct {
	*testing.T
	*service.Service
	paymentv1.PaymentServiceClient
	provider *providertest.Provider
	issuer   *authtest.Issuer
	http     string // base URL
	order    *avro.Codec
	said     map[string]int64 // last sequence of the order service's events, by order
}

func config(t *testing.T) app.Config {
	return app.Config{
		Config: service.Config{
			DatabaseURL: sqldbtest.SQLiteURL(t), DatabaseMigrate: true, SchemaRegistryURL: "http://127.0.0.1:9", SchemaRegister: true,
			KafkaPartitions: 3, KafkaReplication: 1, ShutdownTimeout: 5 * time.Second,
			Kafka:     kafka.Config{Bootstrap: "127.0.0.1:9"},
			Server:    server.Config{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0"},
			Telemetry: telemetry.Config{Output: io.Discard},
		},
		ProviderURL: "http://127.0.0.1:9",
	}
}

// each runs a test on both databases.
func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(start(t)) })
	t.Run("postgres", func(t *testing.T) { test(startOn(t, sqldbtest.PostgresURL(t))) })
}

// newService wires a service with one webhook secret.
func newService(t *testing.T, secret string) (*service.Service, error) {
	cfg := config(t)
	cfg.Auth.Mode = "none"
	cfg.WebhookSecrets = []string{secret}
	return app.New(t.Context(), cfg)
}

func start(t *testing.T) *rig {
	t.Helper()
	return startOn(t, sqldbtest.SQLiteURL(t))
}

func startOn(t *testing.T, databaseURL string) *rig {
	t.Helper()
	r := &rig{T: t, issuer: authtest.NewIssuer(t), provider: providertest.Start(t), said: map[string]int64{}}
	registry := srfake.New()
	t.Cleanup(registry.Close)
	cfg := config(t)
	cfg.Auth, cfg.SchemaRegistryURL, cfg.ProviderURL = r.issuer.Config(), registry.URL(), r.provider.URL
	cfg.DatabaseURL, cfg.WebhookSecrets = databaseURL, []string{newSecret, oldSecret}
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
	r.speakForOrder(registry.URL())
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
	r.PaymentServiceClient = paymentv1.NewPaymentServiceClient(conn)
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

// speakForOrder prepares the order service's events.
func (r *rig) speakForOrder(registryURL string) {
	var types []avro.Type
	var names []string
	for _, t := range schemas.Types("order") {
		types = append(types, avro.Type(t))
		names = append(names, t.Name)
	}
	var err error
	if r.order, err = avro.NewCodec(avro.Config{RegistryURL: registryURL, Register: true}, types); err != nil {
		r.Fatal(err)
	}
	if err := r.order.Resolve(r.Context(), schemas.OrderEvents, names...); err != nil {
		r.Fatal(err)
	}
}

// say lets an event of the order service arrive.
func (r *rig) say(orderID string, event outbox.Record) {
	r.Helper()
	payload, err := r.order.Encode(schemas.OrderEvents, event)
	if err != nil {
		r.Fatal(err)
	}
	r.said[orderID]++
	row := outbox.Row{
		EventID: outbox.NewID(), Topic: schemas.OrderEvents, Key: orderID, Sequence: r.said[orderID], Type: event.RecordName(),
		Source: "order", Payload: payload, Time: time.Now().UTC(), CorrelationID: orderID,
	}
	if err := r.Processors[0].Process(r.Context(), []kafka.Record{row.Record()}); err != nil {
		r.Fatal(err)
	}
}

// work runs the worker until it has nothing left to do.
func (r *rig) work() {
	r.Helper()
	for {
		ran, err := r.Workers[0].RunDue(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		left, err := jobs.Unfinished(r.Context(), r.DB, worker.Kind)
		if err != nil {
			r.Fatal(err)
		}
		switch {
		case left == 0:
			return
		case ran == 0:
			r.Fatalf("%d jobs are left and none is due", left)
		}
	}
}

func (r *rig) request(orderID string) {
	r.Helper()
	r.sayRequest(orderID)
	r.work()
}

func (r *rig) sayRequest(orderID string) {
	r.Helper()
	token := "tok_ok"
	r.say(orderID, &orderv1.PaymentRequested{
		OrderID: orderID, UserID: "u1", Amount: 2250, Currency: "KRW", PaymentToken: &token, OccurredAt: time.Now().UTC(),
	})
}

func (r *rig) capture(orderID string) {
	r.Helper()
	r.sayCapture(orderID)
	r.work()
}

func (r *rig) sayCapture(orderID string) {
	r.Helper()
	r.say(orderID, &orderv1.PaymentCaptureRequested{OrderID: orderID, Amount: 2250, Currency: "KRW", OccurredAt: time.Now().UTC()})
}

func (r *rig) refund(orderID, id string, amount int64) {
	r.Helper()
	r.say(orderID, &orderv1.RefundRequested{OrderID: orderID, RefundID: id, Amount: amount, Currency: "KRW", OccurredAt: time.Now().UTC()})
	r.work()
}

func (r *rig) cancel(orderID string) {
	r.Helper()
	r.say(orderID, &orderv1.OrderCancelled{
		OrderID: orderID, UserID: "u1", Total: 2250, Currency: "KRW", PreviousStatus: orderv1.OrderStatusPending,
		Cause: orderv1.CancellationCauseCustomerRequest, OccurredAt: time.Now().UTC(),
	})
	r.work()
}

// as makes calls in the name of a subject.
func (r *rig) as(subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+r.issuer.Token(subject, roles...))
}

// find reads the payment of an order through the API.
func (r *rig) find(orderID string) *paymentv1.Payment {
	r.Helper()
	found, err := r.ListPayments(r.as("s1", "staff"), &paymentv1.ListPaymentsRequest{OrderId: orderID})
	if err != nil || len(found.GetPayments()) != 1 || found.GetTotalSize() != 1 {
		r.Fatalf("%v, %v", found, err)
	}
	return found.GetPayments()[0]
}

// rest makes a REST call and returns its status and its JSON.
func (r *rig) rest(path, token string) (int, map[string]any) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.http+path, strings.NewReader(""))
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
		r.Fatalf("GET %s: %v", path, err)
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
