package property

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// placed is what a schedule remembers of an order.
type placed struct {
	id, user, token string
	total           int64
}

// The callers.
var (
	staff     = auth.Principal{Subject: "staff", Roles: []string{"staff"}}
	catalogue = auth.Principal{Subject: "catalogue", Roles: []string{"catalogue"}}
)

func customer(user string) auth.Principal {
	return auth.Principal{Subject: user, Name: "A. Customer", Email: user + "@customer.example"}
}

// sell adds a product and lets the order service know of it.
func (w *world) sell(id string, price, stock int64) {
	w.Helper()
	_, err := w.goods.CreateProduct(w.as(catalogue), &inventoryv1.CreateProductRequest{
		ProductId: id, Sku: "SKU-" + id, Name: "Product " + id, Price: price, InitialStock: stock, LowStockThreshold: 1,
	})
	if err != nil {
		w.Fatalf("create product %s: %v", id, err)
	}
	w.events()
}

// place places an order; how many of each product is told as "p1", 2, "p2", 1.
func (w *world) place(token string, lines ...any) placed {
	w.Helper()
	user := fmt.Sprintf("u%d", len(w.placed)+1)
	request := &orderv1.CreateOrderRequest{UserId: user, PaymentToken: &token}
	for i := 0; i < len(lines); i += 2 {
		request.Items = append(request.Items, &orderv1.CreateOrderItem{ProductId: lines[i].(string), Quantity: int32(lines[i+1].(int))})
	}
	o, err := w.orders.CreateOrder(w.as(customer(user)), request)
	if err != nil {
		w.Fatalf("place an order: %v", err)
	}
	p := placed{id: o.GetId(), user: user, token: token, total: o.GetTotal()}
	w.placed = append(w.placed, p)
	return p
}

// cancel tells whether the order could be cancelled.
func (w *world) cancel(p placed, by auth.Principal) bool {
	w.Helper()
	_, err := w.orders.CancelOrder(w.as(by), &orderv1.CancelOrderRequest{OrderId: p.id})
	return w.allowed("cancel", err)
}

// move tells whether staff could move the order on.
func (w *world) move(p placed, next orderv1.OrderStatus_Value) bool {
	w.Helper()
	request := &orderv1.UpdateOrderStatusRequest{OrderId: p.id, Status: next}
	if next == orderv1.OrderStatus_SHIPPED {
		request.Carrier, request.TrackingNumber = "carrier", "track"
	}
	_, err := w.orders.UpdateOrderStatus(w.as(staff), request)
	return w.allowed("move", err)
}

// refund tells whether a refund could be asked for; of everything that is left when amount is 0.
func (w *world) refund(p placed, amount int64) bool {
	w.Helper()
	request := &orderv1.RefundOrderRequest{OrderId: p.id, Reason: "broken"}
	if amount > 0 {
		request.Amount = &amount
	}
	_, err := w.orders.RefundOrder(w.as(staff), request)
	return w.allowed("refund", err)
}

// adjust tells whether the stock could be changed.
func (w *world) adjust(product string, delta int64) bool {
	w.Helper()
	_, err := w.goods.AdjustStock(w.as(staff), &inventoryv1.AdjustStockRequest{ProductId: product, Delta: delta, Reason: "count"})
	return w.allowed("adjust the stock", err)
}

// loseStock takes away all of a product that is not held for an order.
func (w *world) loseStock(product string) {
	w.Helper()
	p, err := w.goods.GetProduct(w.as(staff), &inventoryv1.GetProductRequest{ProductId: product})
	if err != nil {
		w.Fatalf("get product %s: %v", product, err)
	}
	if p.GetAvailable() > 0 && !w.adjust(product, -p.GetAvailable()) {
		w.Errorf("%d free pieces of %s can't be taken away", p.GetAvailable(), product)
	}
}

func (w *world) reprice(product string, price int64) {
	w.Helper()
	_, err := w.goods.UpdateProduct(w.as(catalogue), &inventoryv1.UpdateProductRequest{
		Product:    &inventoryv1.Product{Id: product, Price: price},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"price"}},
	})
	if err != nil {
		w.Fatalf("reprice %s: %v", product, err)
	}
}

// allowed tells a refusal for the order's state from a success; nothing else may happen.
func (w *world) allowed(what string, err error) bool {
	w.Helper()
	if err == nil {
		return true
	}
	if errs.From(err).Code != errs.FailedPrecondition {
		w.Fatalf("%s: %v", what, err)
	}
	return false
}

func (w *world) order(p placed) *orderv1.Order {
	w.Helper()
	o, err := w.orders.GetOrder(w.as(staff), &orderv1.GetOrderRequest{OrderId: p.id})
	if err != nil {
		w.Fatalf("get order: %v", err)
	}
	return o
}

// as is the context of a call in somebody's name; a method may set headers on it.
func (w *world) as(who auth.Principal) context.Context {
	return grpc.NewContextWithServerTransportStream(auth.WithPrincipal(w.ctx, who), noStream{})
}

// noStream takes the headers of a call without a network.
type noStream struct{}

func (noStream) Method() string               { return "" }
func (noStream) SetHeader(metadata.MD) error  { return nil }
func (noStream) SendHeader(metadata.MD) error { return nil }
func (noStream) SetTrailer(metadata.MD) error { return nil }
