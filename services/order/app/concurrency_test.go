package app_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// together makes n calls at once and counts their codes.
func together(n int, call func() error) map[codes.Code]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[codes.Code]int{}
	for range n {
		all.Go(func() {
			code := status.Code(call())
			mu.Lock()
			defer mu.Unlock()
			counts[code]++
		})
	}
	all.Wait()
	return counts
}

func TestOneOfManyRefundsWins(t *testing.T) {
	r := start(t)
	o := r.order("u1")
	r.pay(o.GetId())
	staff := r.as("s1", "staff")
	for _, next := range []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED} {
		if _, err := r.UpdateOrderStatus(staff, &orderv1.UpdateOrderStatusRequest{OrderId: o.GetId(), Status: next}); err != nil {
			t.Fatal(err)
		}
	}
	got := together(16, func() error {
		_, err := r.RefundOrder(staff, &orderv1.RefundOrderRequest{OrderId: o.GetId()})
		return err
	})
	if got[codes.OK] != 1 || got[codes.FailedPrecondition] != 15 {
		t.Errorf("%v", got)
	}
	r.check()
}

func TestOneOfManyCancelsWins(t *testing.T) {
	r := start(t)
	o := r.order("u1")
	got := together(16, func() error {
		_, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: o.GetId()})
		return err
	})
	if got[codes.OK] != 1 || got[codes.FailedPrecondition] != 15 {
		t.Errorf("%v", got)
	}
	r.check()
}

func TestManyOrdersAtOnce(t *testing.T) {
	r := start(t)
	got := together(100, func() error {
		_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
		return err
	})
	if got[codes.OK] != 100 || len(r.list("u1")) != 100 {
		t.Errorf("%v, %d listed", got, len(r.list("u1")))
	}
	r.check()
}

// An order number that is taken is drawn again.
func TestOrderNumberIsDrawnAgain(t *testing.T) {
	base := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	var advance atomic.Bool // the second look at the clock from now on finds the next second
	var looks atomic.Int64
	r := start(t, func(cfg *app.Config) {
		cfg.Now = func() time.Time {
			if advance.Load() && looks.Add(1) > 1 {
				return base.Add(time.Second)
			}
			return base
		}
	})
	// From now on two numbers of one second count as equal.
	if _, err := r.DB.ExecContext(t.Context(), "CREATE UNIQUE INDEX one_a_second ON orders (substr(number, 1, 17))"); err != nil {
		t.Fatal(err)
	}
	r.order("u1")
	_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
	if status.Code(err) != codes.Internal {
		t.Errorf("with no free number: %v", err)
	}
	advance.Store(true)
	if o := r.order("u1"); o.GetOrderNumber()[:17] != "ORD20261102120001" {
		t.Errorf("drawn again: %s", o.GetOrderNumber())
	}
}
