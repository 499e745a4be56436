package app_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/redisdb/redistest"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// withRedis is a service with a cache that is in use.
func withRedis(t *testing.T, server *redistest.Server) *rig {
	t.Helper()
	r := start(t, func(c *app.Config) { c.RedisURL = server.URL() })
	for _, timer := range r.Timers {
		if timer.Name == "order_cache" {
			if _, err := timer.Fire(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// hits counts the reads that the cache answered.
func (r *rig) hits(kind string) (n float64) {
	r.Helper()
	families, err := r.Telemetry.Metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "order_cache_reads_total" && labels["cache"] == kind && labels["result"] == "hit" {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("not within 20 s: %s", what)
		}
	}
}

// Each call over the API, and each event, is seen by the next read, whoever's read filled the cache; and with Redis gone in the middle.
func TestReadsThroughTheCache(t *testing.T) {
	server := redistest.Own(t)
	r := withRedis(t, server)
	placed := r.order("u1")
	get := func(user string) (*orderv1.Order, error) {
		return r.GetOrder(r.as(user), &orderv1.GetOrderRequest{OrderId: placed.GetId()})
	}
	expect := func(want orderv1.OrderStatus_Value) {
		t.Helper()
		o, err := get("u1")
		if err != nil || o.GetStatus() != want {
			t.Fatalf("%v, %v; want %s", o.GetStatus(), err, want)
		}
		byNumber, err := r.GetOrderByNumber(r.as("u1"), &orderv1.GetOrderByNumberRequest{OrderNumber: placed.GetOrderNumber()})
		if err != nil || byNumber.GetStatus() != want {
			t.Fatalf("by number: %v, %v; want %s", byNumber.GetStatus(), err, want)
		}
		list, err := r.ListOrders(r.as("u1"), &orderv1.ListOrdersRequest{})
		if err != nil || list.GetTotalSize() != 1 || list.GetOrders()[0].GetStatus() != want {
			t.Fatalf("list: %v, %v; want %s", list, err, want)
		}
		for _, user := range []string{"u2", "u1 "} {
			if _, err := get(user); status.Code(err) != codes.NotFound || strings.Contains(err.Error(), "u1") {
				t.Fatalf("%q reads u1's order: %v", user, err)
			}
		}
	}
	r.eventually("hits", func() bool {
		expect(orderv1.OrderStatus_PENDING)
		return r.hits("order") > 1 && r.hits("user_orders") > 1
	})
	server.Stop()
	expect(orderv1.OrderStatus_PENDING)
	ctx := metadata.AppendToOutgoingContext(r.as("u1"), "idempotency-key", "k1")
	for range 2 { // the second time it is the same answer again
		if _, err := r.CancelOrder(ctx, &orderv1.CancelOrderRequest{OrderId: placed.GetId()}); err != nil {
			t.Fatal(err)
		}
		expect(orderv1.OrderStatus_CANCELLED)
	}
	server.Start()
	for range 20 {
		expect(orderv1.OrderStatus_CANCELLED)
	}
	r.check()
}

// A call that is repeated makes up for a process that died before it told the cache.
func TestARepeatedCallTellsTheCache(t *testing.T) {
	server := redistest.Own(t)
	r := withRedis(t, server)
	placed := r.order("u1")
	read := func() orderv1.OrderStatus_Value {
		o, err := r.GetOrder(r.as("u1"), &orderv1.GetOrderRequest{OrderId: placed.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		return o.GetStatus()
	}
	ctx := metadata.AppendToOutgoingContext(r.as("u1"), "idempotency-key", "k1")
	cancel := func() {
		t.Helper()
		if _, err := r.CancelOrder(ctx, &orderv1.CancelOrderRequest{OrderId: placed.GetId()}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	r.eventually("hits", func() bool { return read() == orderv1.OrderStatus_CANCELLED && r.hits("order") > 1 })
	if _, err := r.DB.ExecContext(t.Context(), "UPDATE orders SET status = 'PENDING' WHERE id = $1", placed.GetId()); err != nil { // untold
		t.Fatal(err)
	}
	if read() != orderv1.OrderStatus_CANCELLED {
		t.Fatal("the test does not test what it should")
	}
	cancel()
	if got := read(); got != orderv1.OrderStatus_PENDING {
		t.Errorf("still cached: %s", got)
	}
}

// Whoever is told an order's state without changing it does not read an older one afterwards, although the writer of that state did not tell
// the cache.
func TestWhatACallTellsIsNotOlderInTheCache(t *testing.T) {
	r := withRedis(t, redistest.Own(t))
	customer := r.as("u1")
	ifMatch := metadata.AppendToOutgoingContext(customer, "if-match", `"1"`)
	keyed := metadata.AppendToOutgoingContext(customer, "idempotency-key", "k1")
	become := func(id string, next orderv1.OrderStatus_Value) {
		if _, err := r.DB.ExecContext(t.Context(), "UPDATE orders SET status = $1, version = 2 WHERE id = $2", next.String(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		status orderv1.OrderStatus_Value // that nobody tells the cache of
		before func(id string)
		call   func(id string) error
		want   codes.Code
	}{
		{"a change of nothing", orderv1.OrderStatus_CONFIRMED, nil, func(id string) error {
			o, err := r.UpdateOrder(customer, updateOf(id, "ring twice"))
			if o.GetStatus() != orderv1.OrderStatus_CONFIRMED || o.GetEtag() != `"2"` {
				t.Errorf("told %v, %v", o, err)
			}
			return err
		}, codes.OK},
		{"another version", orderv1.OrderStatus_CONFIRMED, nil, func(id string) error {
			_, err := r.UpdateOrder(ifMatch, updateOf(id, "new"))
			return err
		}, codes.Aborted},
		{"a refused move", orderv1.OrderStatus_SHIPPED, nil, func(id string) error {
			_, err := r.CancelOrder(customer, &orderv1.CancelOrderRequest{OrderId: id})
			return err
		}, codes.FailedPrecondition},
		{"a refusal that is repeated", orderv1.OrderStatus_DELIVERED, func(id string) {
			become(id, orderv1.OrderStatus_SHIPPED)
			if _, err := r.CancelOrder(keyed, &orderv1.CancelOrderRequest{OrderId: id}); status.Code(err) != codes.FailedPrecondition {
				t.Errorf("a cancel of a shipped order: %v", err)
			}
		}, func(id string) error {
			_, err := r.CancelOrder(keyed, &orderv1.CancelOrderRequest{OrderId: id})
			return err
		}, codes.FailedPrecondition},
	} {
		id := r.order("u1").GetId()
		read := func() (orderv1.OrderStatus_Value, orderv1.OrderStatus_Value) {
			o, err := r.GetOrder(customer, &orderv1.GetOrderRequest{OrderId: id})
			if err != nil {
				t.Fatal(err)
			}
			list, err := r.ListOrders(customer, &orderv1.ListOrdersRequest{})
			if err != nil {
				t.Fatal(err)
			}
			return o.GetStatus(), list.GetOrders()[0].GetStatus()
		}
		if tt.before != nil {
			tt.before(id)
		}
		orders, lists := r.hits("order"), r.hits("user_orders")
		r.eventually("hits", func() bool {
			read()
			return r.hits("order") > orders && r.hits("user_orders") > lists
		})
		become(id, tt.status)
		if one, listed := read(); one == tt.status || listed == tt.status {
			t.Fatalf("%s: the test does not test what it should: %s, %s", tt.name, one, listed)
		}
		if err := tt.call(id); status.Code(err) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
		if one, listed := read(); one != tt.status || listed != tt.status {
			t.Errorf("%s: still cached: %s, %s", tt.name, one, listed)
		}
	}
}
