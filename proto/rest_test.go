package proto_test

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
	"orderflow.example/proto/openapi"
)

var services = []protoreflect.ServiceDescriptor{
	orderv1.File_orderflow_order_v1_order_service_proto.Services().ByName("OrderService"),
	inventoryv1.File_orderflow_inventory_v1_inventory_service_proto.Services().ByName("InventoryService"),
	paymentv1.File_orderflow_payment_v1_payment_service_proto.Services().ByName("PaymentService"),
	notifierv1.File_orderflow_notifier_v1_notifier_service_proto.Services().ByName("NotifierService"),
}

// methods yields every RPC.
var methods iter.Seq[protoreflect.MethodDescriptor] = func(yield func(protoreflect.MethodDescriptor) bool) {
	for _, service := range services {
		for i := range service.Methods().Len() {
			if !yield(service.Methods().Get(i)) {
				return
			}
		}
	}
}

// Two routes may match one path: the one that is meant must win.
func TestEachPathLeadsToItsRPC(t *testing.T) {
	var reached string
	mux := runtime.NewServeMux(runtime.WithErrorHandler(
		func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ error) {
			if pattern, ok := runtime.HTTPPattern(r.Context()); ok {
				reached = strings.ReplaceAll(pattern.String(), "=*}", "}")
			}
			w.WriteHeader(http.StatusNotImplemented)
		}))
	register(t, mux)
	for method := range methods {
		for _, r := range routes(t, method) {
			reached = ""
			request := httptest.NewRequest(r.verb, variable.ReplaceAllString(r.path, "x1"), strings.NewReader("{}"))
			mux.ServeHTTP(httptest.NewRecorder(), request)
			if reached != r.path {
				t.Errorf("%s %s reached %q", r.verb, r.path, reached)
			}
		}
	}
}

func TestOpenAPINamesEachPath(t *testing.T) {
	files := []string{"order.json", "inventory.json", "payment.json", "notifier.json"}
	for i, service := range services {
		content, err := openapi.Files.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			OpenAPI string
			Info    struct{ Title string }
			Paths   map[string]map[string]struct{ OperationID string }
		}
		if err := json.Unmarshal(content, &document); err != nil {
			t.Fatalf("%s: %v", files[i], err)
		}
		if document.OpenAPI != "3.0.3" || document.Info.Title == "" {
			t.Errorf("%s: OpenAPI %q, title %q", files[i], document.OpenAPI, document.Info.Title)
		}
		operations := 0 // without the routes that are no RPC
		for _, path := range document.Paths {
			for _, operation := range path {
				if strings.HasPrefix(operation.OperationID, string(service.Name())+"_") {
					operations++
				}
			}
		}
		routed := 0
		for j := range service.Methods().Len() {
			method := service.Methods().Get(j)
			for k, r := range routes(t, method) {
				routed++
				want := string(service.Name()) + "_" + string(method.Name())
				if k > 0 {
					want += strconv.Itoa(k + 1)
				}
				if got := document.Paths[lowerCamel(r.path)][strings.ToLower(r.verb)].OperationID; got != want {
					t.Errorf("%s: %s %s is %q, want %q", files[i], r.verb, r.path, got, want)
				}
			}
		}
		if operations != routed {
			t.Errorf("%s has %d operations, want %d", files[i], operations, routed)
		}
	}
}

func TestJSONOfAnOrder(t *testing.T) {
	message := &orderv1.Order{
		OrderNumber:   "ORD202611221530450A1B2C3D",
		Status:        orderv1.OrderStatus_PENDING,
		PaymentStatus: orderv1.PaymentStatus_PENDING,
		Total:         9007199254740993,
		Items:         []*orderv1.OrderItem{{ProductId: "p1", Quantity: 2}},
	}
	content, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"orderNumber":   "ORD202611221530450A1B2C3D",
		"status":        "PENDING",
		"paymentStatus": "PENDING",
		"total":         "9007199254740993",
		"items":         []any{map[string]any{"productId": "p1", "quantity": 2.0}},
	}
	gotText, wantText := mustJSON(t, got), mustJSON(t, want)
	if gotText != wantText {
		t.Errorf("JSON = %s, want %s", gotText, wantText)
	}
}

// A price that a client sends must not pass unnoticed.
func TestAClientCanSendNoPrice(t *testing.T) {
	for _, body := range []string{
		`{"userId":"u123","items":[{"productId":"p1","quantity":2,"unitPrice":"1"}]}`,
		`{"userId":"u123","items":[{"productId":"p1","quantity":2}],"total":"1"}`,
	} {
		if err := protojson.Unmarshal([]byte(body), &orderv1.CreateOrderRequest{}); err == nil {
			t.Errorf("accepted %s", body)
		}
	}
}

// The zero value is what a client of another version leaves unsaid: it must never mean a status.
func TestEveryEnumStartsUnspecified(t *testing.T) {
	enums := 0
	protoregistry.GlobalTypes.RangeEnums(func(enum protoreflect.EnumType) bool {
		name := enum.Descriptor().FullName()
		if strings.HasPrefix(string(name), "orderflow.") {
			enums++
			if zero := enum.Descriptor().Values().ByNumber(0).Name(); zero != "UNSPECIFIED" {
				t.Errorf("%s: value 0 is %s", name, zero)
			}
		}
		return true
	})
	if enums == 0 {
		t.Error("no enum found")
	}
}

func register(t *testing.T, mux *runtime.ServeMux) {
	t.Helper()
	ctx := t.Context()
	for _, err := range []error{
		orderv1.RegisterOrderServiceHandlerServer(ctx, mux, orderv1.UnimplementedOrderServiceServer{}),
		inventoryv1.RegisterInventoryServiceHandlerServer(ctx, mux, inventoryv1.UnimplementedInventoryServiceServer{}),
		paymentv1.RegisterPaymentServiceHandlerServer(ctx, mux, paymentv1.UnimplementedPaymentServiceServer{}),
		notifierv1.RegisterNotifierServiceHandlerServer(ctx, mux, notifierv1.UnimplementedNotifierServiceServer{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

var variable = regexp.MustCompile(`\{[^}]*\}`)

// binding is an HTTP verb and a path template.
type binding struct{ verb, path string }

// routes are what the RPC declares. One that its client streams to has none of the gateway: the service itself has a route for it.
func routes(t *testing.T, method protoreflect.MethodDescriptor) []binding {
	t.Helper()
	if method.IsStreamingClient() {
		return nil
	}
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	var all []binding
	for _, each := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		switch pattern := each.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			all = append(all, binding{http.MethodGet, pattern.Get})
		case *annotations.HttpRule_Post:
			all = append(all, binding{http.MethodPost, pattern.Post})
		case *annotations.HttpRule_Patch:
			all = append(all, binding{http.MethodPatch, pattern.Patch})
		default:
			t.Fatalf("%s has no HTTP path", method.FullName())
		}
	}
	return all
}

// lowerCamel writes the variables of a path template as REST users see them.
func lowerCamel(path string) string {
	return variable.ReplaceAllStringFunc(path, func(name string) string {
		words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '.' })
		for i, word := range words {
			if i > 0 {
				words[i] = strings.ToUpper(word[:1]) + word[1:]
			}
		}
		return strings.Join(words, "")
	})
}

func newMessage(t *testing.T, descriptor protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	messageType, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return messageType.New().Interface()
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
