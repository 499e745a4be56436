package app_test

import (
	"context"
	"io"
	"net/http"
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
	"orderflow.example/notifier/app"
	"orderflow.example/notifier/internal/channel/channeltest"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// rig is the whole service but for the broker: its ports answer, its consumer and its workers are stepped by the test.
type rig struct {
	*testing.T
	*service.Service
	notifierv1.NotifierServiceClient
	issuer *authtest.Issuer
	http   string // base URL
	orders *avro.Codec
	said   map[string]int64 // last sequence by order
	clock  time.Time
	mail   *channeltest.MailServer
	hook   *channeltest.Receiver
}

// shared is a configuration that lacks what only the notifier needs.
func shared(t *testing.T, registryURL string) service.Config {
	return service.Config{
		DatabaseURL: sqldbtest.SQLiteURL(t), DatabaseMigrate: true, SchemaRegistryURL: registryURL, SchemaRegister: true,
		KafkaPartitions: 3, KafkaReplication: 1, ShutdownTimeout: 5 * time.Second,
		Kafka:     kafka.Config{Bootstrap: "127.0.0.1:9"},
		Server:    server.Config{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0"},
		Telemetry: telemetry.Config{Output: io.Discard},
	}
}

func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		T: t, issuer: authtest.NewIssuer(t), said: map[string]int64{}, clock: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC),
		mail: channeltest.NewMailServer(t), hook: channeltest.NewReceiver(t),
	}
	registry := srfake.New()
	t.Cleanup(registry.Close)
	cfg := app.Config{
		Config: shared(t, registry.URL()), SMTPAddr: r.mail.Addr, SMTPTLS: "none",
		WebhookURL: r.hook.URL + "/hook?key=secret", WebhookSecret: channeltest.Secret, DeliveryAttempts: 2,
	}
	cfg.Auth, cfg.Now = r.issuer.Config(), func() time.Time { return r.clock }
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
	r.NotifierServiceClient = notifierv1.NewNotifierServiceClient(conn)
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

// say lets an order's events arrive in one batch.
func (r *rig) say(orderID string, events ...outbox.Record) {
	r.Helper()
	var batch []kafka.Record
	for _, event := range events {
		payload, err := r.orders.Encode(schemas.OrderEvents, event)
		if err != nil {
			r.Fatal(err)
		}
		r.said[orderID]++
		batch = append(batch, outbox.Row{
			EventID: outbox.NewID(), Topic: schemas.OrderEvents, Key: orderID, Sequence: r.said[orderID], Type: event.RecordName(),
			Source: "order", Payload: payload, Time: r.clock, CorrelationID: orderID,
		}.Record())
	}
	if err := r.Processors[0].Process(r.Context(), batch); err != nil {
		r.Fatal(err)
	}
}

// paid lets an order be paid, a second after whatever was before.
func (r *rig) paid(orderID, userID, email string) {
	r.Helper()
	r.clock = r.clock.Add(time.Second)
	event := &orderv1.OrderPaid{OrderID: orderID, OrderNumber: "ORD-" + orderID, UserID: userID, Total: 2000, Currency: "KRW", OccurredAt: r.clock}
	if email != "" {
		event.CustomerEmail = &email
	}
	r.say(orderID, event)
}

// deliver makes one try of everything that is due.
func (r *rig) deliver() {
	r.Helper()
	for _, w := range r.Workers {
		if _, err := w.RunDue(r.Context()); err != nil {
			r.Fatal(err)
		}
	}
}

// as makes calls in the name of a subject.
func (r *rig) as(subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+r.issuer.Token(subject, roles...))
}

// list is what a subject sees.
func (r *rig) list(ctx context.Context, req *notifierv1.ListNotificationsRequest) *notifierv1.ListNotificationsResponse {
	r.Helper()
	answer, err := r.ListNotifications(ctx, req)
	if err != nil {
		r.Fatal(err)
	}
	return answer
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
