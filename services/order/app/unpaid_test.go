package app_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func maxUnpaid(n int64) func(*app.Config) {
	return func(cfg *app.Config) { cfg.MaxUnpaidOrders = n }
}

// However many orders a customer places at once, no more than the limit hold stock.
func TestUnpaidOrdersOfACustomerAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		got := together(50, func() error {
			_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
			return err
		})
		if got[codes.OK] != 7 || got[codes.ResourceExhausted] != 43 {
			t.Errorf("%v", got)
		}
		r.check()
	}, maxUnpaid(7))
}

// Two replicas on one database keep one limit. (A service on SQLite has one replica.)
func TestReplicasShareTheLimitOfUnpaidOrders(t *testing.T) {
	url := sqldbtest.PostgresURL(t)
	shared := func(cfg *app.Config) { cfg.DatabaseURL = url }
	rigs := [2]*rig{start(t, maxUnpaid(7), shared), start(t, maxUnpaid(7), shared)}
	var calls atomic.Int64
	got := together(50, func() error {
		r := rigs[calls.Add(1)%2]
		_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
		return err
	})
	if got[codes.OK] != 7 || got[codes.ResourceExhausted] != 43 {
		t.Errorf("%v", got)
	}
	rigs[0].check()
}

func TestPayingOrCancellingMakesRoomForAnOrder(t *testing.T) {
	eachDatabase(t, func(t *testing.T, r *rig) {
		create := func(subject string, roles ...string) error {
			_, err := r.CreateOrder(r.as(subject, roles...), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
			return err
		}
		first, second := r.order("u1").GetId(), r.order("u1").GetId()
		err := create("u1")
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(told(err), "TOO_MANY_UNPAID_ORDERS") ||
			!strings.Contains(told(err), "limit:2") || !strings.Contains(told(err), "retry 10s") {
			t.Errorf("a third order: %s", told(err))
		}
		r.order("u2") // has a limit of their own
		for _, role := range []string{"staff", "service"} {
			if err := create("x1", role); err != nil {
				t.Errorf("%s order for the customer: %v", role, err)
			}
		}
		r.pay(first)
		if err := create("u1"); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("what others ordered for them counts: %v", err)
		}
		for _, id := range r.list("u1") {
			if id == first || id == second {
				continue
			}
			if _, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: id}); err != nil {
				t.Fatal(err)
			}
		}
		if err := create("u1"); err != nil {
			t.Errorf("one of two is unpaid: %v", err)
		}
		r.check()
	}, maxUnpaid(2))
}

// The refusal passes, so a key does not keep it: the same call succeeds later.
func TestAKeyOutlivesTheLimitOfUnpaidOrders(t *testing.T) {
	r := start(t, maxUnpaid(1))
	id, token := r.order("u1").GetId(), r.issuer.Token("u1")
	const body = `{"userId":"u1","items":[{"productId":"p1","quantity":2}]}`
	got := r.exchange("POST", "/v1/orders", token, body, "Idempotency-Key", "k")
	if got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") != "10" || !got.says("TOO_MANY_UNPAID_ORDERS", "RetryInfo") {
		t.Errorf("%d %v %v", got.code, got.header, got.body)
	}
	r.pay(id)
	if got := r.exchange("POST", "/v1/orders", token, body, "Idempotency-Key", "k"); got.code != http.StatusCreated || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %v", got.code, got.body)
	}
}
