package proto_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

// limit is a request and the violations that it must have, as "field rule"; none for a request that passes.
type limit struct {
	name    string
	request proto.Message
	want    []string
}

func TestOrderLimits(t *testing.T) {
	check(t, []limit{
		{"smallest order", order(), nil},
		{"largest order", order(func(r *orderv1.CreateOrderRequest) {
			r.UserId = strings.Repeat("u", 255)
			r.Items = items(50, 1000)
			r.PaymentToken = proto.String("tok_visa")
			r.ExpectedTotal = proto.Int64(1)
			r.ShippingAddress = strings.Repeat("서", 500)
			r.BillingAddress = strings.Repeat("서", 500)
			r.Notes = strings.Repeat("울", 1000)
			r.Metadata = strings.Repeat("{", 2000)
			r.Currency = "USD"
		}), nil},
		{"empty order", &orderv1.CreateOrderRequest{}, []string{"user_id string.min_len", "items repeated.min_items"}},
		{"51 items", order(func(r *orderv1.CreateOrderRequest) { r.Items = items(51, 1) }), []string{"items repeated.max_items"}},
		{"quantity 0", order(func(r *orderv1.CreateOrderRequest) { r.Items = items(1, 0) }), []string{"items[0].quantity int32.gte_lte"}},
		{"quantity -1", order(func(r *orderv1.CreateOrderRequest) { r.Items = items(1, -1) }), []string{"items[0].quantity int32.gte_lte"}},
		{"quantity 1001", order(func(r *orderv1.CreateOrderRequest) { r.Items[0].Quantity = 1001 }), []string{"items[0].quantity int32.gte_lte"}},
		{"item without product", order(func(r *orderv1.CreateOrderRequest) { r.Items[0].ProductId = "" }), []string{"items[0].product_id string.pattern"}},
		{"strange product id", order(func(r *orderv1.CreateOrderRequest) { r.Items[0].ProductId = "p1\n" }), []string{"items[0].product_id string.pattern"}},
		{"long user id", order(func(r *orderv1.CreateOrderRequest) { r.UserId = strings.Repeat("u", 256) }), []string{"user_id string.max_len"}},
		{"zero byte", order(func(r *orderv1.CreateOrderRequest) { r.Notes = "a\x00b" }), []string{"notes string.pattern"}},
		{"line breaks in a text", order(func(r *orderv1.CreateOrderRequest) { r.ShippingAddress = "1 Main Street\nSeoul" }), nil},
		{"long shipping address", order(func(r *orderv1.CreateOrderRequest) { r.ShippingAddress = strings.Repeat("a", 501) }), []string{"shipping_address string.max_len"}},
		{"long billing address", order(func(r *orderv1.CreateOrderRequest) { r.BillingAddress = strings.Repeat("a", 501) }), []string{"billing_address string.max_len"}},
		{"long notes", order(func(r *orderv1.CreateOrderRequest) { r.Notes = strings.Repeat("a", 1001) }), []string{"notes string.max_len"}},
		{"long metadata", order(func(r *orderv1.CreateOrderRequest) { r.Metadata = strings.Repeat("a", 2001) }), []string{"metadata string.max_len"}},
		{"currency of two letters", order(func(r *orderv1.CreateOrderRequest) { r.Currency = "KR" }), []string{"currency string.pattern"}},
		{"currency in small letters", order(func(r *orderv1.CreateOrderRequest) { r.Currency = "krw" }), []string{"currency string.pattern"}},
		{"expected total 0", order(func(r *orderv1.CreateOrderRequest) { r.ExpectedTotal = proto.Int64(0) }), []string{"expected_total int64.gt"}},
		{"empty payment token", order(func(r *orderv1.CreateOrderRequest) { r.PaymentToken = proto.String("") }), []string{"payment_token string.min_len"}},

		{"any order id", &orderv1.GetOrderRequest{OrderId: "nobody-has-it"}, nil},
		{"no order id", &orderv1.GetOrderRequest{}, []string{"order_id string.pattern"}},
		{"long order id", &orderv1.GetOrderRequest{OrderId: strings.Repeat("0", 65)}, []string{"order_id string.pattern"}},
		{"order number", &orderv1.GetOrderByNumberRequest{OrderNumber: "ORD202611221530450A1B2C3D"}, nil},
		{"bad order number", &orderv1.GetOrderByNumberRequest{OrderNumber: "ORD202611221530450a1b2c3d"}, []string{"order_number string.pattern"}},
		{"no timeline id", &orderv1.GetOrderTimelineRequest{}, []string{"order_id string.pattern"}},

		{"empty list", &orderv1.ListOrdersRequest{}, nil},
		{"full page", &orderv1.ListOrdersRequest{PageSize: 100, Status: orderv1.OrderStatus_PAID, PaymentStatus: orderv1.PaymentStatus_COMPLETED}, nil},
		{"page of 101", &orderv1.ListOrdersRequest{PageSize: 101}, []string{"page_size int32.gte_lte"}},
		{"page of -1", &orderv1.ListOrdersRequest{PageSize: -1}, []string{"page_size int32.gte_lte"}},
		{"strange page token", &orderv1.ListOrdersRequest{PageToken: "a b"}, []string{"page_token string.pattern"}},
		{"unknown status", &orderv1.ListOrdersRequest{Status: 99}, []string{"status enum.defined_only"}},
		{"unknown payment status", &orderv1.ListOrdersRequest{PaymentStatus: 99}, []string{"payment_status enum.defined_only"}},
		{"negative total", &orderv1.ListOrdersRequest{MinTotal: proto.Int64(-1), MaxTotal: proto.Int64(-1)}, []string{"min_total int64.gte", "max_total int64.gte"}},
		{"year 10000", &orderv1.ListOrdersRequest{CreatedAfter: &timestamppb.Timestamp{Seconds: 253402300800}}, []string{"created_after timestamp.gte_lte"}},
		{"year 1969", &orderv1.ListOrdersRequest{CreatedBefore: &timestamppb.Timestamp{Seconds: -1}}, []string{"created_before timestamp.gte_lte"}},
		{"sagas", &orderv1.ListSagasRequest{PageSize: 101}, []string{"page_size int32.gte_lte"}},

		{"update", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{Id: "o1", Notes: strings.Repeat("n", 1000), ShippingAddress: strings.Repeat("s", 500)}, UpdateMask: mask("notes", "shipping_address", "billing_address")}, nil},
		{"all notes that an order may have", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{Id: "o1", Notes: strings.Repeat("n", 1001)}, UpdateMask: mask("notes")}, nil}, // the service's to refuse, naming the field
		{"long addresses", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{Id: "o1", ShippingAddress: strings.Repeat("s", 501), BillingAddress: strings.Repeat("b", 501)}, UpdateMask: mask("billing_address")}, []string{"order.shipping_address string.max_len", "order.billing_address string.max_len"}},
		{"update of a status", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{Id: "o1", Status: orderv1.OrderStatus_PAID}, UpdateMask: mask("status")}, []string{"update_mask field_mask.in"}},
		{"update of nothing", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{Id: "o1"}}, []string{"update_mask required"}},
		{"update of no order", &orderv1.UpdateOrderRequest{Order: &orderv1.Order{}, UpdateMask: mask("notes")}, []string{"order.id string.pattern"}},
		{"summary", &orderv1.GetOrderSummaryRequest{FromDay: "2026-11-01", ToDay: "2026-11-30", Currency: "KRW"}, nil},
		{"odd days", &orderv1.GetOrderSummaryRequest{FromDay: "1.11.2026", ToDay: "2026-11", Currency: "won"}, []string{"from_day string.pattern", "to_day string.pattern", "currency string.pattern"}},
		{"watch", &orderv1.WatchOrderRequest{OrderId: "o1", ResumeToken: "abc="}, nil},
		{"odd resume token", &orderv1.WatchOrderRequest{OrderId: "o1", ResumeToken: "a b"}, []string{"resume_token string.pattern"}},

		{"cancel", &orderv1.CancelOrderRequest{OrderId: "o1", Reason: strings.Repeat("r", 500)}, nil},
		{"long cancel reason", &orderv1.CancelOrderRequest{OrderId: "o1", Reason: strings.Repeat("r", 501)}, []string{"reason string.max_len"}},
		{"processing", &orderv1.UpdateOrderStatusRequest{OrderId: "o1", Status: orderv1.OrderStatus_PROCESSING}, nil},
		{"shipped", &orderv1.UpdateOrderStatusRequest{OrderId: "o1", Status: orderv1.OrderStatus_SHIPPED, Carrier: "CJ", TrackingNumber: "1"}, nil},
		{"delivered by a carrier", &orderv1.UpdateOrderStatusRequest{OrderId: "o1", Status: orderv1.OrderStatus_DELIVERED, Carrier: "CJ"}, []string{" carrier.only_when_shipped"}},
		{"paid by hand", &orderv1.UpdateOrderStatusRequest{OrderId: "o1", Status: orderv1.OrderStatus_PAID}, []string{"status order_status.settable"}},
		{"no status", &orderv1.UpdateOrderStatusRequest{OrderId: "o1"}, []string{"status order_status.settable"}},
		{"long status reason", &orderv1.UpdateOrderStatusRequest{OrderId: "o1", Status: orderv1.OrderStatus_PROCESSING, Reason: strings.Repeat("r", 501)}, []string{"reason string.max_len"}},
		{"whole refund", &orderv1.RefundOrderRequest{OrderId: "o1"}, nil},
		{"refund of 0", &orderv1.RefundOrderRequest{OrderId: "o1", Amount: proto.Int64(0)}, []string{"amount int64.gt"}},
		{"long refund reason", &orderv1.RefundOrderRequest{OrderId: "o1", Reason: strings.Repeat("r", 501)}, []string{"reason string.max_len"}},
	})
}

func TestInventoryLimits(t *testing.T) {
	check(t, []limit{
		{"product", product(), nil},
		{"empty product", &inventoryv1.CreateProductRequest{}, []string{"product_id string.pattern", "sku string.min_len", "name string.min_len", "price int64.gt_lte"}},
		{"price 0", product(func(r *inventoryv1.CreateProductRequest) { r.Price = 0 }), []string{"price int64.gt_lte"}},
		{"price beyond reason", product(func(r *inventoryv1.CreateProductRequest) { r.Price = 1e12 + 1 }), []string{"price int64.gt_lte"}},
		{"long id", product(func(r *inventoryv1.CreateProductRequest) { r.ProductId = strings.Repeat("p", 65) }), []string{"product_id string.pattern"}},
		{"long name", product(func(r *inventoryv1.CreateProductRequest) { r.Name = strings.Repeat("n", 201) }), []string{"name string.max_len"}},
		{"long description", product(func(r *inventoryv1.CreateProductRequest) { r.Description = strings.Repeat("d", 2001) }), []string{"description string.max_len"}},
		{"negative stock", product(func(r *inventoryv1.CreateProductRequest) { r.InitialStock = -1 }), []string{"initial_stock int64.gte_lte"}},
		{"negative threshold", product(func(r *inventoryv1.CreateProductRequest) { r.LowStockThreshold = -1 }), []string{"low_stock_threshold int64.gte_lte"}},
		{"bad currency", product(func(r *inventoryv1.CreateProductRequest) { r.Currency = "WON!" }), []string{"currency string.pattern"}},

		{"archive", update(&inventoryv1.Product{Id: "p1", Archived: true}, "archived"), nil},
		{"change all", update(&inventoryv1.Product{Id: "p1", Name: "n", Price: 1}, "name", "description", "price", "low_stock_threshold", "archived"), nil},
		{"price taken away", update(&inventoryv1.Product{Id: "p1"}, "price"), []string{" product.price.above_zero"}},
		{"name taken away", update(&inventoryv1.Product{Id: "p1"}, "name"), []string{" product.name.not_empty"}},
		{"negative price", update(&inventoryv1.Product{Id: "p1", Price: -1}, "archived"), []string{"product.price int64.gte_lte"}},
		{"stock by update", update(&inventoryv1.Product{Id: "p1", OnHand: 5}, "on_hand"), []string{"update_mask field_mask.in"}},
		{"no mask", &inventoryv1.UpdateProductRequest{Product: &inventoryv1.Product{Id: "p1"}}, []string{"update_mask required"}},
		{"no product", &inventoryv1.UpdateProductRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"archived"}}}, []string{"product required"}},
		{"no product id", update(&inventoryv1.Product{}, "archived"), []string{"product.id string.pattern"}},

		{"more stock", &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 5, Reason: "delivery"}, nil},
		{"less stock", &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: -5, Reason: "broken"}, nil},
		{"no change", &inventoryv1.AdjustStockRequest{ProductId: "p1", Reason: "none"}, []string{"delta stock_delta.not_zero"}},
		{"too much", &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 1e9 + 1, Reason: "none"}, []string{"delta int64.gte_lte"}},
		{"no reason", &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 1}, []string{"reason string.min_len"}},
		{"long reason", &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 1, Reason: strings.Repeat("r", 501)}, []string{"reason string.max_len"}},

		{"all reservations", &inventoryv1.ListReservationsRequest{}, nil},
		{"unknown reservation status", &inventoryv1.ListReservationsRequest{Status: 99}, []string{"status enum.defined_only"}},
		{"strange order id", &inventoryv1.ListReservationsRequest{OrderId: "a/b"}, []string{"order_id string.pattern"}},
		{"page of 101", &inventoryv1.ListProductsRequest{PageSize: 101}, []string{"page_size int32.gte_lte"}},
		{"no product id", &inventoryv1.GetProductRequest{}, []string{"product_id string.pattern"}},
	})
}

func TestPaymentAndNotifierLimits(t *testing.T) {
	check(t, []limit{
		{"no payment id", &paymentv1.GetPaymentRequest{}, []string{"payment_id string.pattern"}},
		{"all payments", &paymentv1.ListPaymentsRequest{}, nil},
		{"page of 101", &paymentv1.ListPaymentsRequest{PageSize: 101}, []string{"page_size int32.gte_lte"}},
		{"unknown payment status", &paymentv1.ListPaymentsRequest{Status: 99}, []string{"status enum.defined_only"}},
		{"ledger page of -1", &paymentv1.ListLedgerEntriesRequest{PageSize: -1}, []string{"page_size int32.gte_lte"}},
		{"no notification id", &notifierv1.GetNotificationRequest{}, []string{"notification_id string.pattern"}},
		{"all notifications", &notifierv1.ListNotificationsRequest{}, nil},
		{"long user id", &notifierv1.ListNotificationsRequest{UserId: strings.Repeat("u", 256)}, []string{"user_id string.max_len"}},
		{"notification page of 101", &notifierv1.ListNotificationsRequest{PageSize: 101}, []string{"page_size int32.gte_lte"}},
	})
}

// A rule that does not compile, or fits another type, is found here and not at the first call.
func TestEveryRequestsRulesCompile(t *testing.T) {
	for method := range methods {
		request := newMessage(t, method.Input())
		validator, err := protovalidate.New(protovalidate.WithMessages(request), protovalidate.WithDisableLazy())
		if err != nil {
			t.Fatalf("%s: %v", method.FullName(), err)
		}
		var violations *protovalidate.ValidationError
		if err := validator.Validate(request); err != nil && !errors.As(err, &violations) {
			t.Errorf("%s: %v", method.FullName(), err)
		}
	}
}

// Texts without a length and lists without a count are how a request becomes too big to handle.
func TestEveryTextAndListIsLimited(t *testing.T) {
	for method := range methods {
		checkLimited(t, method.Input())
	}
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func check(t *testing.T, limits []limit) {
	t.Helper()
	for _, tt := range limits {
		t.Run(tt.name, func(t *testing.T) {
			got := violations(t, tt.request)
			if strings.Join(got, ", ") != strings.Join(tt.want, ", ") {
				t.Errorf("violations = %q, want %q", got, tt.want)
			}
		})
	}
}

func violations(t *testing.T, request proto.Message) []string {
	t.Helper()
	err := protovalidate.Validate(request)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var found []string
	for _, violation := range invalid.Violations {
		field := protovalidate.FieldPathString(violation.Proto.GetField())
		found = append(found, field+" "+violation.Proto.GetRuleId())
	}
	return found
}

func checkLimited(t *testing.T, message protoreflect.MessageDescriptor) {
	t.Helper()
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if isOutput(field) {
			continue
		}
		rules, err := protovalidate.ResolveFieldRules(field)
		if err != nil {
			t.Fatal(err)
		}
		if field.IsList() && !rules.GetRepeated().HasMaxItems() && message.FullName() != "google.protobuf.FieldMask" {
			t.Errorf("%s has no max_items", field.FullName())
		}
		if field.Kind() == protoreflect.StringKind && !field.IsList() {
			if !rules.GetString().HasMaxLen() && !strings.HasSuffix(rules.GetString().GetPattern(), "}$") {
				t.Errorf("%s has no max_len and no pattern that limits it", field.FullName())
			}
		}
		if field.Kind() == protoreflect.MessageKind && field.Message().ParentFile().Package() == message.ParentFile().Package() {
			checkLimited(t, field.Message())
		}
	}
}

// isOutput tells a field of a resource that a service reads nothing from when the resource is in a request. The id is
// IMMUTABLE as well, and read.
func isOutput(field protoreflect.FieldDescriptor) bool {
	behaviours := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviours, annotations.FieldBehavior_OUTPUT_ONLY) ||
		slices.Contains(behaviours, annotations.FieldBehavior_IMMUTABLE) && field.Name() != "id"
}

func order(changes ...func(*orderv1.CreateOrderRequest)) *orderv1.CreateOrderRequest {
	request := &orderv1.CreateOrderRequest{UserId: "u123", Items: items(1, 1)}
	for _, change := range changes {
		change(request)
	}
	return request
}

func items(count int, quantity int32) []*orderv1.CreateOrderItem {
	lines := make([]*orderv1.CreateOrderItem, count)
	for i := range lines {
		lines[i] = &orderv1.CreateOrderItem{ProductId: "p1", Quantity: quantity}
	}
	return lines
}

func product(changes ...func(*inventoryv1.CreateProductRequest)) *inventoryv1.CreateProductRequest {
	request := &inventoryv1.CreateProductRequest{ProductId: "p1", Sku: "SKU-1", Name: "Cup", Price: 1}
	for _, change := range changes {
		change(request)
	}
	return request
}

func update(product *inventoryv1.Product, paths ...string) *inventoryv1.UpdateProductRequest {
	return &inventoryv1.UpdateProductRequest{Product: product, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}}
}
