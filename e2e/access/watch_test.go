package access

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// resumeTokens are ada's, in another customer's hands.
func (w *world) resumeTokens(t *testing.T) (cells []cell) {
	r := named("OrderService.WatchOrder")
	first, err := w.transports[0].call(t.Context(), r, &orderv1.WatchOrderRequest{OrderId: w.ada.order}, bearer(w.token(ada))...)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ ResumeToken string }
	if err := json.Unmarshal([]byte(first.message), &told); err != nil || told.ResumeToken == "" {
		t.Fatalf("%v: no resume token: %s", err, first.message)
	}
	token := told.ResumeToken
	missing := &orderv1.WatchOrderRequest{OrderId: "0192f000-0000-7000-8000-00000000dead", ResumeToken: token}
	caller := bearer(w.token(bob))
	for _, over := range w.transports {
		cells = append(cells,
			cell{rpc: r, over: over, who: "another customer, her resume token", headers: caller, want: codes.NotFound,
				request: &orderv1.WatchOrderRequest{OrderId: w.ada.order, ResumeToken: token}, missing: missing},
			cell{rpc: r, over: over, who: "another customer, her resume token for his order", headers: caller, want: codes.InvalidArgument,
				request: &orderv1.WatchOrderRequest{OrderId: w.bob.order, ResumeToken: token}},
		)
	}
	last := append(bearer(w.token(bob)), "Last-Event-ID", token)
	return append(cells,
		cell{rpc: r, over: w.transports[1], who: "another customer, her last event", headers: last, want: codes.NotFound,
			request: &orderv1.WatchOrderRequest{OrderId: w.ada.order}, missing: missing},
		cell{rpc: r, over: w.transports[1], who: "another customer, her last event for his order", headers: last, want: codes.InvalidArgument,
			request: &orderv1.WatchOrderRequest{OrderId: w.bob.order}},
	)
}

// Who watches their own order is told of nothing that happens to another's meanwhile.
func (w *world) testWatching(t *testing.T) {
	for name, watch := range map[string]func(*testing.T, context.Context) func() string{"gRPC": w.watchOverGRPC, "REST": w.watchOverREST} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			next := watch(t, ctx)
			until := func(what string) {
				t.Helper()
				for {
					event := next()
					for _, secret := range w.secrets {
						if strings.Contains(event, secret) {
							t.Errorf("bob is told %q: %s", secret, event)
						}
					}
					if !strings.Contains(event, w.bob.order) {
						t.Errorf("bob is told of something else: %s", event)
					}
					if strings.Contains(event, what) {
						return
					}
				}
			}
			until("orderflow.order.v1.OrderPaid")
			w.note(t, ada, w.ada.order, "Zebulon has moved, as "+name+" should not tell")
			mark := fmt.Sprintf("bob watches over %s since %d", name, time.Now().UnixNano())
			w.note(t, bob, w.bob.order, mark)
			until(mark)
		})
	}
}

// note changes an order.
func (w *world) note(t *testing.T, user, id, text string) {
	t.Helper()
	_, err := w.orders.UpdateOrder(w.as(user), &orderv1.UpdateOrderRequest{
		Order: &orderv1.Order{Id: id, Notes: text}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"notes"}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// watchOverGRPC lets bob watch his order: each call of what it returns waits for the next event.
func (w *world) watchOverGRPC(t *testing.T, ctx context.Context) func() string {
	t.Helper()
	ctx = w.withToken(ctx, bob)
	stream, err := w.orders.WatchOrder(ctx, &orderv1.WatchOrderRequest{OrderId: w.bob.order})
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		event, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// watchOverREST does it with server-sent events.
func (w *world) watchOverREST(t *testing.T, ctx context.Context) func() string {
	t.Helper()
	rest := w.transports[1].(overREST)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rest.base["order"]+"/v1/orders/"+w.bob.order+":watch", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token(bob))
	response, err := rest.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() }) // its context has ended
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("%s, %s", response.Status, kind)
	}
	lines := bufio.NewScanner(response.Body)
	return func() string {
		t.Helper()
		event, err := nextEvent(lines)
		if err != nil {
			t.Fatal(err)
		}
		return event
	}
}
