package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

// onEach runs the test with the service on each database.
func onEach(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(start(t)) })
	t.Run("postgres", func(t *testing.T) { test(onPostgres(t)) })
}

func onPostgres(t *testing.T) *rig {
	t.Helper()
	url := sqldbtest.PostgresURL(t)
	return start(t, func(cfg *app.Config) { cfg.DatabaseURL = url })
}

// replica is another process of the same service on the same database.
func (r *rig) replica() *rig {
	r.Helper()
	other := &rig{T: r.T, issuer: r.issuer, said: r.said, cfg: r.cfg, foreign: r.foreign}
	var err error
	if other.Service, err = app.New(r.Context(), r.cfg); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := other.Close(); err != nil {
			r.Errorf("close: %v", err)
		}
	})
	for topic, names := range other.Spec.Writes {
		if err := other.Codec.Resolve(r.Context(), topic, names...); err != nil {
			r.Fatal(err)
		}
	}
	other.listen()
	return other
}

// life is everything that happens to an order after it was placed, step by step, until it is refunded in two parts.
func (r *rig) life(id string) []func(*rig) {
	now := time.Now().UTC()
	move := func(next orderv1.OrderStatus_Value) func(*rig) {
		return func(r *rig) {
			if _, err := r.UpdateOrderStatus(r.as("s1", "staff"), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: next}); err != nil {
				r.Fatal(err)
			}
		}
	}
	refund := func(amount, sum int64) func(*rig) {
		return func(r *rig) {
			asked, err := r.RefundOrder(r.as("s1", "staff"), &orderv1.RefundOrderRequest{OrderId: id, Amount: &amount, Reason: "broken"})
			if err != nil {
				r.Fatal(err)
			}
			refundID := asked.GetRefunds()[len(asked.GetRefunds())-1].GetId()
			r.say(schemas.PaymentEvents, id, &paymentv1.PaymentRefunded{
				OrderID: id, PaymentID: "pay", RefundID: &refundID, Amount: amount, Currency: "KRW", RefundedTotal: sum, OccurredAt: now,
			})
		}
	}
	return []func(*rig){
		func(r *rig) {
			r.say(schemas.InventoryEvents, id, &inventoryv1.StockReserved{OrderID: id, ExpiresAt: now.Add(15 * time.Minute), OccurredAt: now})
		},
		func(r *rig) {
			r.say(schemas.PaymentEvents, id, &paymentv1.PaymentAuthorized{OrderID: id, PaymentID: "pay", Amount: 2000, Currency: "KRW", OccurredAt: now})
		},
		func(r *rig) {
			r.say(schemas.InventoryEvents, id, &inventoryv1.StockCommitted{OrderID: id, OccurredAt: now})
		},
		func(r *rig) {
			r.say(schemas.PaymentEvents, id, &paymentv1.PaymentCaptured{OrderID: id, PaymentID: "pay", ProviderReference: "ref", Amount: 2000, Currency: "KRW", OccurredAt: now})
		},
		move(orderv1.OrderStatus_PROCESSING), move(orderv1.OrderStatus_SHIPPED), move(orderv1.OrderStatus_DELIVERED),
		refund(500, 500), refund(1500, 2000),
	}
}

// lifeTypes are the events of a life.
var lifeTypes = []string{
	"OrderPlaced", "StockReserved", "PaymentRequested", "PaymentAuthorized", "OrderConfirmed", "StockCommitted",
	"PaymentCaptureRequested", "PaymentCaptured", "OrderPaid", "OrderProcessing", "OrderShipped", "OrderDelivered",
	"RefundRequested", "PaymentRefunded", "RefundCompleted", "RefundRequested", "PaymentRefunded", "RefundCompleted", "OrderRefunded",
}

// lifeSteps are how many of them each step brings.
var lifeSteps = []int{2, 2, 2, 2, 1, 1, 1, 3, 4}

// feed gives the events of a watch one by one; io.EOF at its end.
type feed func() (*orderv1.WatchOrderResponse, error)

// transports are the ways to watch an order.
var transports = map[string]func(r *rig, ctx context.Context, id, token string) feed{
	"gRPC": (*rig).watch, "SSE": (*rig).watchEvents,
}

// watch is the owner's, over gRPC. It ends with ctx.
func (r *rig) watch(ctx context.Context, id, token string) feed {
	r.Helper()
	stream, err := r.WatchOrder(ctx, &orderv1.WatchOrderRequest{OrderId: id, ResumeToken: token})
	if err != nil {
		r.Fatal(err)
	}
	return stream.Recv
}

// watchEvents is the owner's, over REST.
func (r *rig) watchEvents(ctx context.Context, id, token string) feed {
	r.Helper()
	response := r.askEvents(ctx, id+":watch", r.issuer.Token("u1"), "Last-Event-ID", token)
	if response.status == http.StatusNoContent {
		return func() (*orderv1.WatchOrderResponse, error) { return nil, io.EOF }
	}
	if response.status != http.StatusOK || response.header.Get("Content-Type") != "text/event-stream" {
		r.Fatalf("watch: %d %v", response.status, response.header)
	}
	lines := bufio.NewReader(response.body)
	return func() (*orderv1.WatchOrderResponse, error) { return nextEvent(lines) }
}

// eventsAnswer is what a watch over REST was answered; its body may go on.
type eventsAnswer struct {
	status int
	header http.Header
	body   io.Reader
}

func (r *rig) askEvents(ctx context.Context, path, token string, headers ...string) eventsAnswer {
	r.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.http+"/v1/orders/"+path, nil)
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
	r.Cleanup(func() { _ = response.Body.Close() }) // the test has read what it wants
	return eventsAnswer{response.StatusCode, response.Header, response.Body}
}

// nextEvent reads as a browser does.
func nextEvent(lines *bufio.Reader) (*orderv1.WatchOrderResponse, error) {
	fields := map[string]string{}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		switch {
		case name != "":
			fields[name] = strings.TrimPrefix(value, " ")
		case line == "\n" && fields["data"] != "":
			if fields["event"] == "error" {
				return nil, errors.New(fields["data"])
			}
			m := &orderv1.WatchOrderResponse{}
			if err := protojson.Unmarshal([]byte(fields["data"]), m); err != nil {
				return nil, err
			}
			if fields["id"] != m.GetResumeToken() || !strings.HasSuffix(m.GetEvent().GetType(), "."+fields["event"]) {
				return nil, fmt.Errorf("id %q, event %q of %v", fields["id"], fields["event"], m)
			}
			return m, nil
		}
	}
}

// owner is the context of u1's calls, which ends with the test, or before, or when it takes too long.
func (r *rig) owner() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.as("u1"), 30*time.Second)
}

// take reads n events and fails the test when they are not there.
func (r *rig) take(next feed, n int) []*orderv1.WatchOrderResponse {
	r.Helper()
	var all []*orderv1.WatchOrderResponse
	for range n {
		m, err := next()
		if err != nil {
			r.Fatalf("after %v: %v", types(all), err)
		}
		all = append(all, m)
	}
	return all
}

// toEnd reads to the end.
func (r *rig) toEnd(next feed) []*orderv1.WatchOrderResponse {
	r.Helper()
	var all []*orderv1.WatchOrderResponse
	for {
		m, err := next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			r.Fatalf("after %v: %v", types(all), err)
		}
		all = append(all, m)
	}
}

func types(events []*orderv1.WatchOrderResponse) []string {
	var all []string
	for _, m := range events {
		name := m.GetEvent().GetType()
		all = append(all, name[strings.LastIndexByte(name, '.')+1:])
	}
	return all
}
