package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func keyed(ctx context.Context, key string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "idempotency-key", key)
}

// post is a REST call with a key; replayed is what the header Idempotent-Replayed says.
func (r *rig) post(path, token, key, body string) (code int, replayed string, answer map[string]any) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.http+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Idempotent-Replayed"), answer
}

func TestAnOrderThatIsPostedTwiceIsPlacedOnce(t *testing.T) {
	r := start(t)
	const body = `{"userId":"u1","items":[{"productId":"p1","quantity":2}]}`
	token := r.issuer.Token("u1")
	code, replayed, first := r.post("/v1/orders", token, "k1", body)
	if code != http.StatusCreated || replayed != "" {
		t.Fatalf("%d %q %v", code, replayed, first)
	}
	r.pay(first["id"].(string))
	code, replayed, again := r.post("/v1/orders", token, "k1", body)
	if code != http.StatusCreated || replayed != "true" || again["id"] != first["id"] || again["status"] != "PENDING" {
		t.Errorf("%d %q %v", code, replayed, again)
	}
	code, _, refused := r.post("/v1/orders", token, "k1", strings.Replace(body, "2", "3", 1))
	if text, _ := json.Marshal(refused); code != http.StatusConflict || !strings.Contains(string(text), "IDEMPOTENCY_KEY_REUSED") {
		t.Errorf("%d %s", code, text)
	}
	code, _, refused = r.post("/v1/orders", token, "not a key", body)
	if text, _ := json.Marshal(refused); code != http.StatusBadRequest || !strings.Contains(string(text), `"field":"Idempotency-Key"`) {
		t.Errorf("%d %s", code, text)
	}
	if code, replayed, other := r.post("/v1/orders", r.issuer.Token("u2"), "k1", strings.Replace(body, "u1", "u2", 1)); code != http.StatusCreated || replayed != "" || other["id"] == first["id"] {
		t.Errorf("another's key: %d %q %v", code, replayed, other)
	}
	if all := r.list("u1"); len(all) != 1 {
		t.Errorf("orders %v", all)
	}
	r.check()
}

func TestOrdersPlacedAtOnceWithOneKey(t *testing.T) {
	r := start(t)
	var calls sync.WaitGroup
	ids := make(chan string, 20)
	for range cap(ids) {
		calls.Go(func() {
			o, err := r.CreateOrder(keyed(r.as("u1"), "k"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
			if err != nil {
				t.Error(err)
			}
			ids <- o.GetId()
		})
	}
	calls.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first {
			t.Errorf("orders %s and %s", first, id)
		}
	}
	if all := r.list("u1"); len(all) != 1 {
		t.Errorf("orders %v", all)
	}
}

// Every call that changes an order answers a repetition as it did the first time, also after the order has gone on.
func TestChangesAreRepeatable(t *testing.T) {
	r := start(t)
	shipped, cancelled := r.order("u1").GetId(), r.order("u1").GetId()
	r.pay(shipped)
	amount := int64(500)
	staff := func() context.Context { return r.as("s1", "staff") }
	for _, c := range []struct {
		name string
		call func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error)
	}{
		{"processing", func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error) {
			return r.UpdateOrderStatus(ctx, &orderv1.UpdateOrderStatusRequest{OrderId: shipped, Status: orderv1.OrderStatus_PROCESSING}, grpc.Header(header))
		}},
		{"shipped", func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error) {
			return r.UpdateOrderStatus(ctx, &orderv1.UpdateOrderStatusRequest{
				OrderId: shipped, Status: orderv1.OrderStatus_SHIPPED, Carrier: "CJ", TrackingNumber: "1"}, grpc.Header(header))
		}},
		{"refund", func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error) {
			return r.RefundOrder(ctx, &orderv1.RefundOrderRequest{OrderId: shipped, Amount: &amount, Reason: "a scratch"}, grpc.Header(header))
		}},
		{"refused_move", func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error) {
			return r.UpdateOrderStatus(ctx, &orderv1.UpdateOrderStatusRequest{OrderId: cancelled, Status: orderv1.OrderStatus_DELIVERED}, grpc.Header(header))
		}},
		{"cancel", func(ctx context.Context, header *metadata.MD) (*orderv1.Order, error) {
			return r.CancelOrder(ctx, &orderv1.CancelOrderRequest{OrderId: cancelled}, grpc.Header(header))
		}},
	} {
		var header metadata.MD
		first, firstErr := c.call(keyed(staff(), c.name), &header)
		if (firstErr != nil) != (c.name == "refused_move") || len(header.Get("idempotent-replayed")) != 0 {
			t.Fatalf("%s: %v, %v", c.name, firstErr, header)
		}
		again, err := c.call(keyed(staff(), c.name), &header)
		if status.Convert(err).Message() != status.Convert(firstErr).Message() || !proto.Equal(first, again) || len(header.Get("idempotent-replayed")) != 1 {
			t.Errorf("%s: %v, %v, %v", c.name, again, err, header)
		}
	}
	if o := r.get(shipped); len(o.GetRefunds()) != 1 {
		t.Errorf("refunds %v", o.GetRefunds())
	}
	_, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: cancelled})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a second cancellation without a key: %v", err)
	}
	r.check()
}
