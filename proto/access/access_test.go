package access_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"orderflow.example/proto/access"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

var services = []protoreflect.FileDescriptor{
	orderv1.File_orderflow_order_v1_order_service_proto,
	inventoryv1.File_orderflow_inventory_v1_inventory_service_proto,
	paymentv1.File_orderflow_payment_v1_payment_service_proto,
	notifierv1.File_orderflow_notifier_v1_notifier_service_proto,
}

var knownRoles = []string{"customer", "staff", "catalogue", "auditor", "service"}

func TestEveryRPCHasARule(t *testing.T) {
	rules := access.Rules(services...)
	for _, file := range services {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				name := "/" + string(service.FullName()) + "/" + string(service.Methods().Get(j).Name())
				rule, ok := rules[name]
				if !ok {
					t.Errorf("%s declares no access rule", name)
					continue
				}
				checkRule(t, name, rule)
				delete(rules, name)
			}
		}
	}
	for name := range rules {
		t.Errorf("rule for %s, which no service has", name)
	}
}

func checkRule(t *testing.T, name string, rule access.Rule) {
	t.Helper()
	if rule.Public == (len(rule.Roles) > 0) {
		t.Errorf("%s: public is %t and roles are %v, want one of the two", name, rule.Public, rule.Roles)
	}
	for i, role := range rule.Roles {
		if !slices.Contains(knownRoles, role) {
			t.Errorf("%s: unknown role %q", name, role)
		}
		if slices.Contains(rule.Roles[:i], role) {
			t.Errorf("%s: role %q is named twice", name, role)
		}
	}
	if rule.Owner && !slices.Contains(rule.Roles, "customer") {
		t.Errorf("%s: owner without the role customer confines nobody", name)
	}
}

// Rows of customers must not be open to other customers by a forgotten owner flag.
func TestCustomersReachTheirOwnRowsAlone(t *testing.T) {
	shared := []string{
		inventoryv1.InventoryService_GetProduct_FullMethodName,
		inventoryv1.InventoryService_ListProducts_FullMethodName,
	}
	for name, rule := range access.Rules(services...) {
		if slices.Contains(rule.Roles, "customer") && !rule.Owner && !slices.Contains(shared, name) {
			t.Errorf("%s is open to every customer for all rows", name)
		}
	}
}

func TestRulesReadsTheDescriptor(t *testing.T) {
	rules := access.Rules(services...)
	create := rules[orderv1.OrderService_CreateOrder_FullMethodName]
	if create.Public || !create.Owner || !slices.Equal(create.Roles, []string{"customer", "staff", "service"}) {
		t.Errorf("CreateOrder: %+v", create)
	}
	refund := rules[orderv1.OrderService_RefundOrder_FullMethodName]
	if refund.Public || refund.Owner || !slices.Equal(refund.Roles, []string{"staff", "service"}) {
		t.Errorf("RefundOrder: %+v", refund)
	}
}

func TestAnRPCWithoutARuleIsAbsent(t *testing.T) {
	rules := access.Rules(grpc_health_v1.File_grpc_health_v1_health_proto)
	if len(rules) != 0 {
		t.Errorf("rules = %v, want none", rules)
	}
}
