// Package access reads who may call an RPC from the rule that its descriptor declares.
package access

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	optionsv1 "orderflow.example/proto/gen/orderflow/options/v1"
)

// Rule says who may call an RPC.
type Rule struct {
	// Public RPCs need no token.
	Public bool
	// Roles that may call it; customer stands for any authenticated caller.
	Roles []string
	// Owner confines callers whose only listed role is customer to their own rows; the domain checks it.
	Owner bool
}

// Rules returns the rule of each RPC of the files by its full method, as "/orderflow.order.v1.OrderService/GetOrder".
// An RPC that declares none is absent, and must be refused.
func Rules(files ...protoreflect.FileDescriptor) map[string]Rule {
	rules := make(map[string]Rule)
	for _, file := range files {
		services := file.Services()
		for i := range services.Len() {
			methods := services.Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				if !proto.HasExtension(method.Options(), optionsv1.E_Access) {
					continue
				}
				declared := proto.GetExtension(method.Options(), optionsv1.E_Access).(*optionsv1.AccessRule)
				rules[fullMethod(method)] = Rule{
					Public: declared.GetPublic(),
					Roles:  declared.GetRoles(),
					Owner:  declared.GetOwner(),
				}
			}
		}
	}
	return rules
}

func fullMethod(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}
