package access

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"orderflow.example/proto/access"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

// files are linked in by name, and so is every service that they declare.
var files = map[string]protoreflect.FileDescriptor{
	"order":     orderv1.File_orderflow_order_v1_order_service_proto,
	"inventory": inventoryv1.File_orderflow_inventory_v1_inventory_service_proto,
	"payment":   paymentv1.File_orderflow_payment_v1_payment_service_proto,
	"notifier":  notifierv1.File_orderflow_notifier_v1_notifier_service_proto,
}

const customer = "customer"

// roles are all that a rule may name.
var roles = []string{customer, "staff", "catalogue", "auditor", "service"}

// rpc is one method, as its descriptor declares it.
type rpc struct {
	protoreflect.MethodDescriptor
	service  string // of the platform: order, inventory, ...
	rule     access.Rule
	declared bool // it has a rule
	bindings []binding
}

// binding is a REST path of an RPC.
type binding struct {
	verb, path, body string
}

// short is Service.Method.
func (r rpc) short() string { return string(r.Parent().Name()) + "." + string(r.Name()) }

func (r rpc) full() string { return "/" + string(r.Parent().FullName()) + "/" + string(r.Name()) }

func (r rpc) owned() bool { return r.rule.Owner }

// rpcs are all of all services.
func rpcs() []rpc {
	var all []rpc
	for service, file := range files {
		rules := access.Rules(file)
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				r := rpc{MethodDescriptor: methods.Get(j), service: service}
				r.rule, r.declared = rules[r.full()]
				r.bindings = bindingsOf(r.MethodDescriptor)
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b rpc) int { return strings.Compare(a.full(), b.full()) })
	return all
}

// named is the RPC Service.Method.
func named(short string) rpc {
	for _, r := range rpcs() {
		if r.short() == short {
			return r
		}
	}
	panic("there is no RPC " + short)
}

func bindingsOf(method protoreflect.MethodDescriptor) []binding {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	var all []binding
	for _, each := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		b := binding{body: each.GetBody()}
		switch pattern := each.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			b.verb, b.path = http.MethodGet, pattern.Get
		case *annotations.HttpRule_Post:
			b.verb, b.path = http.MethodPost, pattern.Post
		case *annotations.HttpRule_Put:
			b.verb, b.path = http.MethodPut, pattern.Put
		case *annotations.HttpRule_Patch:
			b.verb, b.path = http.MethodPatch, pattern.Patch
		case *annotations.HttpRule_Delete:
			b.verb, b.path = http.MethodDelete, pattern.Delete
		default:
			continue
		}
		all = append(all, b)
	}
	return all
}

func newResponse(r rpc) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(r.Output().FullName())
	if err != nil {
		panic(err) // generated code registers each message
	}
	return kind.New().Interface()
}

func newMessage(t *testing.T, descriptor protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}
