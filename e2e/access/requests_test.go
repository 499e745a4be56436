package access

import (
	"fmt"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// byName are the fields that name a row, and the row.
func (th things) byName() map[string]string {
	return map[string]string{
		"user_id": th.user, "order_id": th.order, "order_number": th.number, "product_id": th.product,
		"payment_id": th.payment, "notification_id": th.notification,
	}
}

// special is an RPC that needs more than the names of rows.
type special struct {
	// request makes the request; nil: from the fields' names.
	request func(things) proto.Message
	// prepare makes rows that a call may use up; nil: the usual ones do.
	prepare func(*world) things
	// sees is what the answer to those who may must hold.
	sees string
	// foreign is what a customer gets who names another's rows; OK: as the rule says.
	foreign codes.Code
}

func paid(w *world) things {
	th := w.ada
	th.order = w.paidOrder(ada)
	return th
}

func shipped(w *world) things {
	th := w.ada
	th.order = w.shippedOrder()
	return th
}

func unborn(w *world) things {
	th := w.ada
	th.product = fmt.Sprintf("new-%d", w.made.Add(1))
	return th
}

var specials = map[string]special{
	"OrderService.CreateOrder": {
		request: func(th things) proto.Message {
			request := adasOrder()
			request.UserId = th.user
			return request
		},
		foreign: codes.PermissionDenied, // there is no row yet that could be hidden
	},
	"OrderService.UpdateOrder": {
		request: func(th things) proto.Message {
			return &orderv1.UpdateOrderRequest{
				Order: &orderv1.Order{Id: th.order, Notes: "changed"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"notes"}},
			}
		},
		prepare: paid,
		sees:    "changed",
	},
	"OrderService.WatchOrder":  {sees: "orderflow.order.v1.OrderPlaced"},
	"OrderService.CancelOrder": {prepare: paid},
	"OrderService.UpdateOrderStatus": {
		request: func(th things) proto.Message {
			return &orderv1.UpdateOrderStatusRequest{OrderId: th.order, Status: orderv1.OrderStatus_PROCESSING}
		},
		prepare: paid,
	},
	"OrderService.RefundOrder": {prepare: shipped},
	"InventoryService.CreateProduct": {
		request: func(th things) proto.Message {
			return &inventoryv1.CreateProductRequest{ProductId: th.product, Sku: "SKU-" + th.product, Name: "New", Price: 1}
		},
		prepare: unborn,
	},
	"InventoryService.UpdateProduct": {
		request: func(th things) proto.Message {
			return &inventoryv1.UpdateProductRequest{
				Product: &inventoryv1.Product{Id: th.product, Name: "Lamp"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
			}
		},
	},
	"InventoryService.ImportProducts": {
		request: func(th things) proto.Message {
			return &inventoryv1.ImportProductsRequest{Message: &inventoryv1.ImportProductsRequest_Row{Row: &inventoryv1.ImportRow{
				Number: 1, Product: &inventoryv1.CreateProductRequest{ProductId: th.product, Sku: "SKU-" + th.product, Name: "Imported", Price: 1},
			}}}
		},
		prepare: unborn,
		sees:    "CREATED",
	},
	"InventoryService.ListStockAdjustments": {sees: "100000"}, // the lamp's initial stock
	"InventoryService.AdjustStock": {
		request: func(th things) proto.Message {
			return &inventoryv1.AdjustStockRequest{ProductId: th.product, Delta: 1, Reason: "found"}
		},
	},
}

// requestFor makes a request that names th in every field that it knows, or in those alone that are required.
func (w *world) requestFor(r rpc, th things, all bool) proto.Message {
	w.Helper()
	if s := specials[r.short()]; s.request != nil {
		return s.request(th)
	}
	request := newMessage(w.T, r.Input())
	fields := request.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		value, known := th.byName()[string(field.Name())]
		switch {
		case known && field.Kind() == protoreflect.StringKind && (all || required(field)):
			request.ProtoReflect().Set(field, protoreflect.ValueOfString(value))
		case required(field) && !known:
			w.Errorf("%s needs %s: this test can't tell what to send, add the RPC to its table of specials", r.short(), field.Name())
		}
	}
	return request
}

func required(field protoreflect.FieldDescriptor) bool {
	behaviours, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	for _, b := range behaviours {
		if b == annotations.FieldBehavior_REQUIRED {
			return true
		}
	}
	return false
}

// namesRow tells the RPCs about one row, which can be another's, from those that list or sum up.
func (r rpc) namesRow() bool {
	fields := r.Input().Fields()
	for i := range fields.Len() {
		if required(fields.Get(i)) {
			return true
		}
	}
	return false
}

// pages tells whether the RPC answers page by page.
func (r rpc) pages() bool { return r.Input().Fields().ByName("page_token") != nil }

// foreign is what a caller who is a customer and no more gets when naming another's rows.
func (r rpc) foreign() codes.Code {
	switch s := specials[r.short()]; {
	case s.foreign != codes.OK:
		return s.foreign
	case r.owned() && r.namesRow():
		return codes.NotFound
	}
	return codes.OK
}

// expected is what a role gets when it names ada's rows, while it is not ada.
func (r rpc) expected(role string) codes.Code {
	customers := false
	for _, allowed := range r.rule.Roles {
		if allowed == role && role != customer {
			return codes.OK
		}
		customers = customers || allowed == customer
	}
	if r.rule.Public {
		return codes.OK
	}
	if customers {
		return r.foreign()
	}
	return codes.PermissionDenied
}
