package app_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// Each bad call gets the right code, and a body that names the field and the rule.
func TestBadCalls(t *testing.T) {
	r := start(t)
	r.create("p1", 5, 0)
	r.say("o1", r.placed("o1", "p1", 4))
	create := func(change func(*inventoryv1.CreateProductRequest)) func() error {
		return func() error {
			req := &inventoryv1.CreateProductRequest{ProductId: "new", Sku: "NEW", Name: "New", Price: 1}
			change(req)
			_, err := r.CreateProduct(r.as("c1", "catalogue"), req)
			return err
		}
	}
	update := func(id string, product *inventoryv1.Product, paths ...string) func() error {
		return func() error {
			product.Id = id
			_, err := r.UpdateProduct(r.as("c1", "catalogue"), &inventoryv1.UpdateProductRequest{Product: product, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
			return err
		}
	}
	adjust := func(role, id string, delta int64, reason string) func() error {
		return func() error {
			_, err := r.AdjustStock(r.as("s1", role), &inventoryv1.AdjustStockRequest{ProductId: id, Delta: delta, Reason: reason})
			return err
		}
	}
	reservations := func(role string, req *inventoryv1.ListReservationsRequest) func() error {
		return func() error { _, err := r.ListReservations(r.as("s1", role), req); return err }
	}
	for name, c := range map[string]struct {
		call  func() error
		code  codes.Code
		names []string // what the message or the details must name
	}{
		"same id":        {create(func(c *inventoryv1.CreateProductRequest) { c.ProductId = "p1" }), codes.AlreadyExists, []string{"PRODUCT_EXISTS", "p1"}},
		"same SKU":       {create(func(c *inventoryv1.CreateProductRequest) { c.Sku = "SKU-p1" }), codes.AlreadyExists, []string{"SKU_EXISTS", "product_id:p1", "sku:SKU-p1", "field:\"sku\""}},
		"no id":          {create(func(c *inventoryv1.CreateProductRequest) { c.ProductId = "" }), codes.InvalidArgument, []string{"productId", "STRING_PATTERN"}},
		"no SKU":         {create(func(c *inventoryv1.CreateProductRequest) { c.Sku = "" }), codes.InvalidArgument, []string{"sku", "STRING_MIN_LEN"}},
		"no name":        {create(func(c *inventoryv1.CreateProductRequest) { c.Name = "" }), codes.InvalidArgument, []string{"name", "STRING_MIN_LEN"}},
		"no price":       {create(func(c *inventoryv1.CreateProductRequest) { c.Price = 0 }), codes.InvalidArgument, []string{"price", "INT64_GT"}},
		"negative price": {create(func(c *inventoryv1.CreateProductRequest) { c.Price = -1 }), codes.InvalidArgument, []string{"price", "INT64_GT"}},
		"bad currency":   {create(func(c *inventoryv1.CreateProductRequest) { c.Currency = "won" }), codes.InvalidArgument, []string{"currency", "STRING_PATTERN"}},
		"negative stock": {create(func(c *inventoryv1.CreateProductRequest) { c.InitialStock = -1 }), codes.InvalidArgument, []string{"initialStock", "INT64_GTE"}},
		"two things":     {create(func(c *inventoryv1.CreateProductRequest) { c.Price, c.Name = 0, "" }), codes.InvalidArgument, []string{"price", "name"}},
		"unknown product": {func() error {
			_, err := r.GetProduct(r.as("u1"), &inventoryv1.GetProductRequest{ProductId: "none"})
			return err
		}, codes.NotFound, []string{"PRODUCT_NOT_FOUND", "none"}},

		"update of nothing":  {update("none", &inventoryv1.Product{Name: "x"}, "name"), codes.NotFound, []string{"none"}},
		"no mask":            {update("p1", &inventoryv1.Product{Name: "x"}), codes.InvalidArgument, []string{"updateMask"}},
		"SKU can't change":   {update("p1", &inventoryv1.Product{Sku: "x"}, "sku"), codes.InvalidArgument, []string{"updateMask", "FIELD_MASK_IN"}},
		"stock can't change": {update("p1", &inventoryv1.Product{OnHand: 9}, "on_hand"), codes.InvalidArgument, []string{"updateMask", "FIELD_MASK_IN"}},
		"empty name":         {update("p1", &inventoryv1.Product{}, "name"), codes.InvalidArgument, []string{"product.name"}},
		"price of 0":         {update("p1", &inventoryv1.Product{}, "price"), codes.InvalidArgument, []string{"product.price"}},

		"adjust by 0":             {adjust("staff", "p1", 0, "x"), codes.InvalidArgument, []string{"delta", "STOCK_DELTA_NOT_ZERO"}},
		"adjust without a reason": {adjust("staff", "p1", 1, ""), codes.InvalidArgument, []string{"reason", "STRING_MIN_LEN"}},
		"adjust of nothing":       {adjust("staff", "none", 1, "x"), codes.NotFound, []string{"PRODUCT_NOT_FOUND", "none"}},
		"take what is held":       {adjust("staff", "p1", -2, "x"), codes.FailedPrecondition, []string{"INSUFFICIENT_STOCK", "available:1"}},

		"page of 101":        {reservations("staff", &inventoryv1.ListReservationsRequest{PageSize: 101}), codes.InvalidArgument, []string{"pageSize", "INT32_"}},
		"made-up page token": {reservations("staff", &inventoryv1.ListReservationsRequest{PageToken: "abc"}), codes.InvalidArgument, []string{"pageToken", "PAGE_TOKEN"}},
		"unknown status":     {reservations("staff", &inventoryv1.ListReservationsRequest{Status: 99}), codes.InvalidArgument, []string{"status", "ENUM_DEFINED_ONLY"}},
		"a customer asks":    {reservations("customer", &inventoryv1.ListReservationsRequest{}), codes.PermissionDenied, []string{"ROLE_REQUIRED", "staff"}},
		"a customer adjusts": {adjust("customer", "p1", 1, "x"), codes.PermissionDenied, []string{"ROLE_REQUIRED"}},
		"an auditor adjusts": {adjust("auditor", "p1", 1, "x"), codes.PermissionDenied, []string{"ROLE_REQUIRED"}},
		"staff creates": {func() error {
			_, err := r.CreateProduct(r.as("s1", "staff"), &inventoryv1.CreateProductRequest{ProductId: "new", Sku: "NEW", Name: "New", Price: 1})
			return err
		}, codes.PermissionDenied, []string{"catalogue"}},
		"no token": {func() error {
			_, err := r.GetProduct(t.Context(), &inventoryv1.GetProductRequest{ProductId: "p1"})
			return err
		}, codes.Unauthenticated, []string{"TOKEN_MISSING"}},
	} {
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
	if p := r.get("p1"); p.GetVersion() != 1 || p.GetOnHand() != 5 || p.GetReserved() != 4 {
		t.Errorf("after all those refusals: %v", p)
	}
	r.check()
}

func TestBadBodies(t *testing.T) {
	r := start(t)
	r.create("p1", 5, 0)
	token := r.issuer.Token("c1", "catalogue")
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		names              []string
	}{
		"malformed":          {"POST", "/v1/products", `{"productId":`, 400, []string{"INVALID_ARGUMENT"}},
		"unknown field":      {"POST", "/v1/products", `{"productId":"p2","sku":"S","name":"N","price":1,"onHand":5}`, 400, []string{"INVALID_ARGUMENT", "onHand", "UNKNOWN_FIELD"}},
		"price as a word":    {"POST", "/v1/products", `{"productId":"p2","sku":"S","name":"N","price":"dear"}`, 400, []string{"INVALID_ARGUMENT", "price"}},
		"no price":           {"POST", "/v1/products", `{"productId":"p2","sku":"S","name":"N"}`, 400, []string{"INVALID_ARGUMENT", "price"}},
		"taken id":           {"POST", "/v1/products", `{"productId":"p1","sku":"S","name":"N","price":1}`, 409, []string{"ALREADY_EXISTS", "p1"}},
		"stock in an update": {"PATCH", "/v1/products/p1", `{"onHand":"7"}`, 400, []string{"INVALID_ARGUMENT", "updateMask"}},
		"more than there is": {"POST", "/v1/products/p1:adjustStock", `{"delta":-6,"reason":"x"}`, 400, []string{"FAILED_PRECONDITION", "INSUFFICIENT_STOCK"}},
		"no product":         {"POST", "/v1/products/none:adjustStock", `{"delta":1,"reason":"x"}`, 404, []string{"NOT_FOUND", "none"}},
		"a body over 1 MiB":  {"POST", "/v1/products", `{"description":"` + strings.Repeat("x", 1<<20) + `"}`, 413, []string{"RESOURCE_EXHAUSTED"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, answer := r.rest(c.method, c.path, token, c.body)
			if code != c.status {
				t.Fatalf("%d %v", code, answer)
			}
			text := fmt.Sprint(answer)
			for _, want := range c.names {
				if !strings.Contains(text, want) {
					t.Errorf("%s does not name %q", text, want)
				}
			}
		})
	}
}
