package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/outbox"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	events "orderflow.example/schemas/orderv1"
)

func items(n int, product string, quantity int32) []*orderv1.CreateOrderItem {
	all := make([]*orderv1.CreateOrderItem, n)
	for i := range all {
		all[i] = &orderv1.CreateOrderItem{ProductId: product, Quantity: quantity}
	}
	return all
}

// Each bad call gets the right code, and a body that names the field and the rule, or the states.
func TestBadCalls(t *testing.T) {
	r := start(t)
	pending := r.order("u1")
	create := func(all ...*orderv1.CreateOrderItem) func() error {
		return func() error {
			_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: all})
			return err
		}
	}
	move := func(subject, role, id string, next orderv1.OrderStatus_Value) func() error {
		return func() error {
			_, err := r.UpdateOrderStatus(r.as(subject, role), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: next})
			return err
		}
	}
	expected := int64(1)
	cases := map[string]struct {
		call  func() error
		code  codes.Code
		names []string // what the message or the details must name
	}{
		"unknown product":   {create(items(1, "p9", 1)...), codes.InvalidArgument, []string{"items[0].productId", "PRODUCT_EXISTS", "p9"}},
		"second is unknown": {create(append(items(1, "p1", 1), items(1, "p9", 1)...)...), codes.InvalidArgument, []string{"items[1].productId"}},
		"product twice":     {create(items(2, "p1", 1)...), codes.InvalidArgument, []string{"items[1].productId", "PRODUCT_UNIQUE"}},
		"quantity 0":        {create(items(1, "p1", 0)...), codes.InvalidArgument, []string{"items[0].quantity", "INT32_"}},
		"quantity 1001":     {create(items(1, "p1", 1001)...), codes.InvalidArgument, []string{"items[0].quantity", "INT32_"}},
		"51 items":          {create(items(51, "p1", 1)...), codes.InvalidArgument, []string{"items", "REPEATED_MAX_ITEMS"}},
		"no items":          {create(), codes.InvalidArgument, []string{"items"}},
		"other total expected": {func() error {
			_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1), ExpectedTotal: &expected})
			return err
		}, codes.FailedPrecondition, []string{"TOTAL_CHANGED", "current_total", "1000", "expectedTotal", "EXPECTED_TOTAL_CURRENT"}},
		"order in dollars": {func() error {
			_, err := r.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1), Currency: "USD"})
			return err
		}, codes.InvalidArgument, []string{"PRODUCT_CURRENCY"}},
		"in another's name": {func() error {
			_, err := r.CreateOrder(r.as("u2"), &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)})
			return err
		}, codes.PermissionDenied, []string{"NOT_YOUR_USER_ID", `field:"userId"`, "USER_ID_OWN"}},
		"unknown order": {func() error {
			_, err := r.GetOrder(r.as("u1"), &orderv1.GetOrderRequest{OrderId: "none"})
			return err
		}, codes.NotFound, []string{"ORDER_NOT_FOUND", "none"}},
		"unknown number": {func() error {
			_, err := r.GetOrderByNumber(r.as("u1"), &orderv1.GetOrderByNumberRequest{OrderNumber: "ORD2026010203040500000000"})
			return err
		}, codes.NotFound, []string{"ORDER_NOT_FOUND"}},
		"malformed number": {func() error {
			_, err := r.GetOrderByNumber(r.as("u1"), &orderv1.GetOrderByNumberRequest{OrderNumber: "ORD1"})
			return err
		}, codes.InvalidArgument, []string{"orderNumber", "STRING_PATTERN"}},
		"timeline of an unknown order": {func() error {
			_, err := r.GetOrderTimeline(r.as("u1"), &orderv1.GetOrderTimelineRequest{OrderId: "none"})
			return err
		}, codes.NotFound, []string{"ORDER_NOT_FOUND"}},
		"bad move":             {move("s1", "staff", pending.GetId(), orderv1.OrderStatus_SHIPPED), codes.FailedPrecondition, []string{"ORDER_STATUS_MOVE", "PENDING", "SHIPPED"}},
		"move of nothing":      {move("s1", "staff", "none", orderv1.OrderStatus_SHIPPED), codes.NotFound, []string{"none"}},
		"move by hand to PAID": {move("s1", "staff", pending.GetId(), orderv1.OrderStatus_PAID), codes.InvalidArgument, []string{"status", "ORDER_STATUS_SETTABLE"}},
		"a customer moves":     {move("u1", "", pending.GetId(), orderv1.OrderStatus_SHIPPED), codes.PermissionDenied, []string{"staff"}},
		"an auditor moves":     {move("a1", "auditor", pending.GetId(), orderv1.OrderStatus_SHIPPED), codes.PermissionDenied, []string{"staff"}},
		"refund before payment": {func() error {
			_, err := r.RefundOrder(r.as("s1", "staff"), &orderv1.RefundOrderRequest{OrderId: pending.GetId()})
			return err
		}, codes.FailedPrecondition, []string{"PENDING", "REFUNDED"}},
		"sagas for a customer": {func() error { _, err := r.ListSagas(r.as("u1"), &orderv1.ListSagasRequest{}); return err }, codes.PermissionDenied, []string{"auditor"}},
		"page of 101": {func() error {
			_, err := r.ListOrders(r.as("u1"), &orderv1.ListOrdersRequest{PageSize: 101})
			return err
		}, codes.InvalidArgument, []string{"pageSize"}},
		"made-up page token": {func() error {
			_, err := r.ListOrders(r.as("u1"), &orderv1.ListOrdersRequest{PageToken: "abc"})
			return err
		}, codes.InvalidArgument, []string{"pageToken", "PAGE_TOKEN"}},
		"no token": {func() error {
			_, err := r.GetOrder(t.Context(), &orderv1.GetOrderRequest{OrderId: pending.GetId()})
			return err
		}, codes.Unauthenticated, []string{"TOKEN_MISSING"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			if status.Code(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			text := status.Convert(err).Message()
			for _, detail := range status.Convert(err).Details() {
				switch d := detail.(type) {
				case *errdetails.BadRequest:
					text += fmt.Sprint(d.GetFieldViolations())
				case *errdetails.ErrorInfo:
					text += d.GetReason() + fmt.Sprint(d.GetMetadata())
				}
			}
			for _, want := range c.names {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not name %q", text, want)
				}
			}
		})
	}
	if n := len(r.list("s1", "staff")); n != 1 {
		t.Errorf("%d orders after all those refusals", n)
	}
}

func TestBadBodies(t *testing.T) {
	r := start(t)
	cases := map[string]struct {
		body   string
		status int
		names  []string
	}{
		"malformed":           {`{"userId":`, 400, []string{"INVALID_ARGUMENT"}},
		"client-sent price":   {`{"userId":"u1","items":[{"productId":"p1","quantity":1,"unitPrice":"1"}]}`, 400, []string{"INVALID_ARGUMENT", "unitPrice", "UNKNOWN_FIELD"}},
		"negative price":      {`{"userId":"u1","items":[{"productId":"p1","quantity":1,"price":-1}]}`, 400, []string{"INVALID_ARGUMENT", "price"}},
		"client-sent total":   {`{"userId":"u1","total":"1","items":[{"productId":"p1","quantity":1}]}`, 400, []string{"INVALID_ARGUMENT", "total"}},
		"quantity as a word":  {`{"userId":"u1","items":[{"productId":"p1","quantity":"two"}]}`, 400, []string{"INVALID_ARGUMENT", "quantity"}},
		"quantity 1001":       {`{"userId":"u1","items":[{"productId":"p1","quantity":1001}]}`, 400, []string{"INVALID_ARGUMENT", "items[0].quantity"}},
		"unknown product":     {`{"userId":"u1","items":[{"productId":"p9","quantity":1}]}`, 400, []string{"INVALID_ARGUMENT", "items[0].productId"}},
		"another's user id":   {`{"userId":"u2","items":[{"productId":"p1","quantity":1}]}`, 403, []string{"PERMISSION_DENIED"}},
		"a body over 1 MiB":   {`{"userId":"u1","notes":"` + strings.Repeat("x", 1<<20) + `"}`, 413, []string{"RESOURCE_EXHAUSTED"}},
		"total not expected":  {`{"userId":"u1","expectedTotal":"7","items":[{"productId":"p1","quantity":1}]}`, 400, []string{"FAILED_PRECONDITION", "1000"}},
		"notes of 1001 chars": {`{"userId":"u1","notes":"` + strings.Repeat("ä", 1001) + `","items":[{"productId":"p1","quantity":1}]}`, 400, []string{"INVALID_ARGUMENT", "notes"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			code, answer := r.rest("POST", "/v1/orders", r.issuer.Token("u1"), c.body)
			if code != c.status {
				t.Errorf("status %d, want %d", code, c.status)
			}
			for _, want := range c.names {
				if !strings.Contains(fmt.Sprint(answer["error"]), want) {
					t.Errorf("%v does not name %q", answer["error"], want)
				}
			}
		})
	}
}

func TestCreateOverREST(t *testing.T) {
	r := start(t)
	code, answer := r.rest("POST", "/v1/orders", r.issuer.Token("u123"), `{"userId":"u123","items":[{"productId":"p1","quantity":2}]}`)
	if code != 201 || answer["status"] != "PENDING" || answer["total"] != "2000" {
		t.Fatalf("%d: %v", code, answer)
	}
	code, got := r.rest("GET", fmt.Sprintf("/v1/orders/%s", answer["id"]), r.issuer.Token("u123"), "")
	if code != 200 || got["orderNumber"] != answer["orderNumber"] {
		t.Errorf("%d: %v", code, got)
	}
	code, got = r.rest("GET", fmt.Sprintf("/v1/orders/number/%s", answer["orderNumber"]), r.issuer.Token("u123"), "")
	if code != 200 || got["id"] != answer["id"] {
		t.Errorf("%d: %v", code, got)
	}
}

func TestPaymentTokenCanBeRequired(t *testing.T) {
	r := start(t, func(cfg *app.Config) { cfg.PaymentTokenRequired = true })
	request := &orderv1.CreateOrderRequest{UserId: "u1", Items: items(1, "p1", 1)}
	if _, err := r.CreateOrder(r.as("u1"), request); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "paymentToken") {
		t.Errorf("without: %v", err)
	}
	token := "tok_ok"
	request.PaymentToken = &token
	o, err := r.CreateOrder(r.as("u1"), request)
	if err != nil {
		t.Fatalf("with: %v", err)
	}
	now := time.Now().UTC()
	r.say(schemas.InventoryEvents, o.GetId(), &inventoryv1.StockReserved{OrderID: o.GetId(), ExpiresAt: now.Add(15 * time.Minute), OccurredAt: now})
	log, err := outbox.Log(t.Context(), r.DB, schemas.OrderEvents, o.GetId())
	if err != nil || len(log) != 2 {
		t.Fatalf("%d events, %v", len(log), err)
	}
	event, err := r.Codec.Decode(t.Context(), schemas.OrderEvents, log[1].Payload)
	if asked, ok := event.(*events.PaymentRequested); err != nil || !ok || asked.PaymentToken == nil || *asked.PaymentToken != token {
		t.Errorf("%+v, %v: it does not reach the payment service", event, err)
	}
	r.check()
}

func TestBadConfiguration(t *testing.T) {
	for want, change := range map[string]func(*app.Config){
		"MAX_UNPAID_ORDERS_PER_USER=-1": func(cfg *app.Config) { cfg.MaxUnpaidOrders = -1 },
		"SAGA_TICK":                     func(cfg *app.Config) { cfg.SagaTick = -1 },
		"SAGA_LIMIT":                    func(cfg *app.Config) { cfg.LimitReserveStock = -1 },
		"10m":                           func(cfg *app.Config) { cfg.LimitReserveStock = 3 * 60e9 },
		"DATABASE_URL":                  func(cfg *app.Config) { cfg.DatabaseURL = "mysql://x" },
	} {
		cfg := app.Config{}
		change(&cfg)
		if _, err := app.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want one line naming %s, got %v", want, err)
		}
	}
}
