package cache

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func TestFirstPage(t *testing.T) {
	total := int64(1)
	for name, tt := range map[string]struct {
		owner string
		req   *orderv1.ListOrdersRequest
		field string
	}{
		"one's own":          {"u1", &orderv1.ListOrdersRequest{}, "0 false"},
		"of a size":          {"u1", &orderv1.ListOrdersRequest{PageSize: 20}, "20 false"},
		"by name":            {"u1", &orderv1.ListOrdersRequest{UserId: "u1"}, "0 true"}, // its page token is another
		"another's":          {"u1", &orderv1.ListOrdersRequest{UserId: "u2"}, ""},
		"everybody's":        {store.AnyOwner, &orderv1.ListOrdersRequest{}, ""},
		"staff for somebody": {store.AnyOwner, &orderv1.ListOrdersRequest{UserId: "u1"}, ""},
		"the second page":    {"u1", &orderv1.ListOrdersRequest{PageToken: "x"}, ""},
		"by status":          {"u1", &orderv1.ListOrdersRequest{Status: orderv1.OrderStatus_PAID}, ""},
		"by sum":             {"u1", &orderv1.ListOrdersRequest{MinTotal: &total}, ""},
		"by time":            {"u1", &orderv1.ListOrdersRequest{CreatedAfter: timestamppb.Now()}, ""},
	} {
		field, ok := firstPage(tt.owner, tt.req)
		if field != tt.field || ok != (tt.field != "") {
			t.Errorf("%s: %q, %t", name, field, ok)
		}
	}
}
