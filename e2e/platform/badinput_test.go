package platform

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/dev/platform"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// Bad input gets the right code over both protocols, and a google.rpc body that names the field and the rule, or what
// else is wrong.
func TestBadInput(t *testing.T) {
	r := start(t, platform.Config{})
	r.sell("p1", 1000, 10)
	id := r.place("u1", "", `[{"productId":"p1","quantity":1}]`)
	r.becomes(id, orderv1.OrderStatus_PAID)
	t.Run("REST", func(t *testing.T) { r.badREST(t, id) })
	t.Run("gRPC", func(t *testing.T) { r.badGRPC(t, id) })
	orders, err := r.orders.ListOrders(r.as("s1", "staff"), &orderv1.ListOrdersRequest{PageSize: 100})
	if err != nil || orders.GetTotalSize() != 1 {
		t.Errorf("after all those refusals there are %d orders: %v", orders.GetTotalSize(), err)
	}
	r.mustHold()
}

func (r *rig) badREST(t *testing.T, id string) {
	one := `{"productId":"p1","quantity":1}`
	create := func(items string) string { return `{"userId":"u1","items":[` + items + `]}` }
	for name, c := range map[string]struct {
		method, path, body string
		roles              []string
		code               int
		status             string
		names              []string // field, rule, reason or state
	}{
		"unknown product":     {body: create(`{"productId":"nothing","quantity":1}`), code: 400, status: "INVALID_ARGUMENT", names: []string{"items[0].productId", "PRODUCT_EXISTS"}},
		"quantity 0":          {body: create(`{"productId":"p1","quantity":0}`), code: 400, status: "INVALID_ARGUMENT", names: []string{"items[0].quantity", "INT32_GTE"}},
		"quantity 1001":       {body: create(`{"productId":"p1","quantity":1001}`), code: 400, status: "INVALID_ARGUMENT", names: []string{"items[0].quantity", "INT32_GTE_LTE"}},
		"51 items":            {body: create(strings.Repeat(one+",", 50) + one), code: 400, status: "INVALID_ARGUMENT", names: []string{"items", "REPEATED_MAX_ITEMS"}},
		"no items":            {body: create(""), code: 400, status: "INVALID_ARGUMENT", names: []string{"items", "REPEATED_MIN_ITEMS"}},
		"client-sent price":   {body: create(`{"productId":"p1","quantity":1,"unitPrice":"1"}`), code: 400, status: "INVALID_ARGUMENT", names: []string{"unitPrice", "UNKNOWN_FIELD"}},
		"negative price":      {body: create(`{"productId":"p1","quantity":1,"price":-1}`), code: 400, status: "INVALID_ARGUMENT", names: []string{"price", "UNKNOWN_FIELD"}},
		"negative expected":   {body: `{"userId":"u1","expectedTotal":"-5","items":[` + one + `]}`, code: 400, status: "INVALID_ARGUMENT", names: []string{"expectedTotal", "INT64_GT"}},
		"unexpected total":    {body: `{"userId":"u1","expectedTotal":"7","items":[` + one + `]}`, code: 400, status: "FAILED_PRECONDITION", names: []string{"TOTAL_CHANGED", "1000"}},
		"malformed JSON":      {body: `{"userId":"u1","items":[`, code: 400, status: "INVALID_ARGUMENT", names: []string{"JSON"}},
		"not an object":       {body: `[]`, code: 400, status: "INVALID_ARGUMENT"},
		"unknown field":       {body: `{"userId":"u1","colour":"red","items":[` + one + `]}`, code: 400, status: "INVALID_ARGUMENT", names: []string{"colour", "UNKNOWN_FIELD"}},
		"body over 1 MiB":     {body: `{"userId":"u1","notes":"` + strings.Repeat("x", 1<<20) + `"}`, code: 413, status: "RESOURCE_EXHAUSTED", names: []string{"BODY_TOO_LARGE"}},
		"in another's name":   {body: `{"userId":"u2","items":[` + one + `]}`, code: 403, status: "PERMISSION_DENIED", names: []string{"NOT_YOUR_USER_ID"}},
		"unknown order":       {method: "GET", path: "/v1/orders/nothing", code: 404, status: "NOT_FOUND", names: []string{"ORDER_NOT_FOUND", "nothing"}},
		"cancel of nothing":   {path: "/v1/orders/nothing:cancel", body: `{}`, code: 404, status: "NOT_FOUND", names: []string{"ORDER_NOT_FOUND"}},
		"bad state move":      {path: "/v1/orders/" + id + ":updateStatus", body: `{"status":"DELIVERED"}`, roles: []string{"staff"}, code: 400, status: "FAILED_PRECONDITION", names: []string{"ORDER_STATUS_MOVE", "PAID", "DELIVERED"}},
		"move to CONFIRMED":   {path: "/v1/orders/" + id + ":updateStatus", body: `{"status":"CONFIRMED"}`, roles: []string{"staff"}, code: 400, status: "INVALID_ARGUMENT", names: []string{"status", "ORDER_STATUS_SETTABLE"}},
		"move by a customer":  {path: "/v1/orders/" + id + ":updateStatus", body: `{"status":"PROCESSING"}`, code: 403, status: "PERMISSION_DENIED", names: []string{"ROLE_REQUIRED"}},
		"refund before it is": {path: "/v1/orders/" + id + ":refund", body: `{}`, roles: []string{"staff"}, code: 400, status: "FAILED_PRECONDITION", names: []string{"ORDER_STATUS_MOVE", "PAID", "REFUNDED"}},
		"page of 101":         {method: "GET", path: "/v1/orders?pageSize=101", code: 400, status: "INVALID_ARGUMENT", names: []string{"pageSize"}},
		"no such path":        {method: "GET", path: "/v1/nothing", code: 404, status: "NOT_FOUND"},
		"no such method":      {method: "DELETE", path: "/v1/orders", code: 405},
	} {
		t.Run(name, func(t *testing.T) {
			if c.method == "" {
				c.method = "POST"
			}
			if c.path == "" {
				c.path = "/v1/orders"
			}
			a := r.rest("order", c.method, c.path, r.token("u1", c.roles...), c.body)
			said, _ := a.body["error"].(map[string]any)
			if a.code != c.code || said == nil || c.status != "" && said["status"] != c.status || said["code"] != float64(c.code) {
				t.Fatalf("%d %v, want %d %s", a.code, a.body, c.code, c.status)
			}
			for _, want := range c.names {
				if !strings.Contains(fmt.Sprint(said), want) {
					t.Errorf("%v does not name %q", said, want)
				}
			}
			if c.status == "INVALID_ARGUMENT" && len(c.names) > 1 && !strings.Contains(fmt.Sprint(said["details"]), "google.rpc.BadRequest") {
				t.Errorf("%v has no google.rpc.BadRequest", said)
			}
		})
	}
	t.Run("no token", func(t *testing.T) {
		if a := r.rest("order", "GET", "/v1/orders/"+id, "", ""); a.code != 401 {
			t.Errorf("%d %v", a.code, a.body)
		}
	})
}

func (r *rig) badGRPC(t *testing.T, id string) {
	items := func(count int, product string, quantity int32) (all []*orderv1.CreateOrderItem) {
		for range count {
			all = append(all, &orderv1.CreateOrderItem{ProductId: product, Quantity: quantity})
		}
		return all
	}
	create := func(all []*orderv1.CreateOrderItem) error {
		_, err := r.orders.CreateOrder(r.as("u1"), &orderv1.CreateOrderRequest{UserId: "u1", Items: all})
		return err
	}
	move := func(id string, next orderv1.OrderStatus_Value) error {
		_, err := r.orders.UpdateOrderStatus(r.as("s1", "staff"), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: next})
		return err
	}
	get := func(id string) error {
		_, err := r.orders.GetOrder(r.as("u1"), &orderv1.GetOrderRequest{OrderId: id})
		return err
	}
	for name, c := range map[string]struct {
		err  error
		code codes.Code
		// Of BadRequest: field and rule; of ErrorInfo: reason and what its metadata names.
		field, rule   string
		reason, names string
	}{
		"unknown product":   {err: create(items(1, "nothing", 1)), code: codes.InvalidArgument, field: "items[0].productId", rule: "PRODUCT_EXISTS"},
		"quantity 0":        {err: create(items(1, "p1", 0)), code: codes.InvalidArgument, field: "items[0].quantity", rule: "INT32_GTE_LTE"},
		"quantity 1001":     {err: create(items(1, "p1", 1001)), code: codes.InvalidArgument, field: "items[0].quantity", rule: "INT32_GTE_LTE"},
		"51 items":          {err: create(items(51, "p1", 1)), code: codes.InvalidArgument, field: "items", rule: "REPEATED_MAX_ITEMS"},
		"unknown order":     {err: get("nothing"), code: codes.NotFound, reason: "ORDER_NOT_FOUND", names: "nothing"},
		"malformed id":      {err: get("no/thing"), code: codes.InvalidArgument, field: "orderId", rule: "STRING_PATTERN"},
		"bad state move":    {err: move(id, orderv1.OrderStatus_DELIVERED), code: codes.FailedPrecondition, reason: "ORDER_STATUS_MOVE", names: "PAID"},
		"move to CONFIRMED": {err: move(id, orderv1.OrderStatus_CONFIRMED), code: codes.InvalidArgument, field: "status", rule: "ORDER_STATUS_SETTABLE"},
		"too long a text":   {err: create([]*orderv1.CreateOrderItem{{ProductId: strings.Repeat("p", 65), Quantity: 1}}), code: codes.InvalidArgument, field: "items[0].productId", rule: "STRING_PATTERN"},
	} {
		t.Run(name, func(t *testing.T) {
			said := status.Convert(c.err)
			if said.Code() != c.code {
				t.Fatalf("got %v, want %s", c.err, c.code)
			}
			field, reason, metadata := details(said)
			if c.field != "" && (field.GetField() != c.field || field.GetReason() != c.rule) {
				t.Errorf("BadRequest names %q and %q, want %q and %q", field.GetField(), field.GetReason(), c.field, c.rule)
			}
			if c.reason != "" && (reason != c.reason || !strings.Contains(metadata, c.names)) {
				t.Errorf("ErrorInfo says %q with %s, want %q naming %q", reason, metadata, c.reason, c.names)
			}
		})
	}
}

// details are the first field violation and what ErrorInfo says.
func details(said *status.Status) (field *errdetails.BadRequest_FieldViolation, reason, metadata string) {
	for _, detail := range said.Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			if len(d.GetFieldViolations()) > 0 {
				field = d.GetFieldViolations()[0]
			}
		case *errdetails.ErrorInfo:
			reason, metadata = d.GetReason(), fmt.Sprint(d.GetMetadata())
		}
	}
	return field, reason, metadata
}
