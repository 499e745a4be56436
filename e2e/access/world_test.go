package access

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"orderflow.example/dev/platform"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

const patience = 60 * time.Second

// ada has orders; bob is another customer, who has one of his own.
const (
	ada      = "ada-17"
	adaName  = "Ada Quenstedt"
	adaEmail = "ada.quenstedt@secret.example"
	bob      = "bob-23"

	price = 7919 // of the product, for everybody to see

	adasPieces, bobsPieces = 7, 3 // of an order
)

// What the orders of fill bring: two of ada's and one of bob's.
var (
	adasRevenue = strconv.Itoa(2 * adasPieces * price)
	bobsRevenue = strconv.Itoa(bobsPieces * price)
	allRevenue  = strconv.Itoa((2*adasPieces + bobsPieces) * price)
)

// hidden is what ada's orders hold and nobody else may see.
var hidden = []string{adaName, "quenstedt", "secret.example", "Hidden Lane", "Billing Alley", "Zebulon", "opal ring", strconv.Itoa(adasPieces * price), adasRevenue}

// things are the rows that requests name.
type things struct {
	user, order, number, product, payment, notification string
}

// world is a running platform with ada's and bob's rows in it.
type world struct {
	*testing.T
	*mint
	platform   *platform.Platform
	transports []transport
	conns      map[string]*grpc.ClientConn
	orders     orderv1.OrderServiceClient
	products   inventoryv1.InventoryServiceClient
	ada, bob   things
	secrets    []string // hidden, and ada's ids
	made       atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := platform.Start(ctx, platform.Config{DataDir: dir, Variables: limitsOff})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	w := &world{T: t, mint: newMint(t, p, dir), platform: p, conns: map[string]*grpc.ClientConn{}}
	base := map[string]string{}
	for service := range files {
		conn, err := grpc.NewClient(p.Addresses.ByService[service].GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		w.conns[service], base[service] = conn, "http://"+p.Addresses.ByService[service].REST
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	w.transports = []transport{overGRPC{w.conns}, overREST{base, client}}
	w.orders = orderv1.NewOrderServiceClient(w.conns["order"])
	w.products = inventoryv1.NewInventoryServiceClient(w.conns["inventory"])
	w.fill()
	return w
}

// limitsOff lets one machine, and each of its users, make all of the test's calls at once.
var limitsOff = map[string]string{
	"RATE_LIMIT_ADDRESS": "0", "RATE_LIMIT_USER": "0", "MAX_UNPAID_ORDERS_PER_USER": "0", "MAX_STREAMS_PER_CALLER": "10000",
}

func (w *world) as(subject string, roles ...string) context.Context {
	return w.withToken(w.Context(), subject, roles...)
}

func (w *world) withToken(ctx context.Context, subject string, roles ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+w.token(subject, roles...))
}

// fill makes a product, orders of ada and bob, and with them payments and notifications.
func (w *world) fill() {
	w.Helper()
	w.ada = things{user: ada, product: "lamp"}
	w.bob = things{user: bob, product: "lamp"}
	_, err := w.products.CreateProduct(w.as("keeper", "catalogue"), &inventoryv1.CreateProductRequest{
		ProductId: "lamp", Sku: "SKU-lamp", Name: "Lamp", Price: price, InitialStock: 100_000,
	})
	if err != nil {
		w.Fatal(err)
	}
	impossible := int64(1)
	w.eventually("the lamp can be ordered", func() bool {
		_, err := w.orders.CreateOrder(w.as("probe"), &orderv1.CreateOrderRequest{
			UserId: "probe", Items: []*orderv1.CreateOrderItem{{ProductId: "lamp", Quantity: 1}}, ExpectedTotal: &impossible,
		})
		return err != nil && strings.Contains(err.Error(), "total")
	})
	w.ada.order = w.paidOrder(ada)
	w.complete(&w.ada)
	w.bob.order = w.paidOrder(bob)
	w.complete(&w.bob)
	second := things{order: w.paidOrder(ada)} // so that there is a second page
	w.complete(&second)
	w.secrets = append(append([]string{}, hidden...), w.ada.order, w.ada.number, w.ada.payment, w.ada.notification,
		second.order, second.number, second.payment, second.notification)
}

// paidOrder places an order and waits until it is paid.
func (w *world) paidOrder(user string) string {
	w.Helper()
	request := &orderv1.CreateOrderRequest{UserId: user, Items: []*orderv1.CreateOrderItem{{ProductId: "lamp", Quantity: bobsPieces}}}
	if user == ada {
		request = adasOrder()
	}
	placed, err := w.orders.CreateOrder(w.as(user), request)
	if err != nil {
		w.Fatal(err)
	}
	w.eventually("order "+placed.GetId()+" is paid", func() bool {
		o, err := w.orders.GetOrder(w.as(user), &orderv1.GetOrderRequest{OrderId: placed.GetId()})
		return err == nil && o.GetStatus() == orderv1.OrderStatus_PAID
	})
	return placed.GetId()
}

func adasOrder() *orderv1.CreateOrderRequest {
	return &orderv1.CreateOrderRequest{
		UserId: ada, Items: []*orderv1.CreateOrderItem{{ProductId: "lamp", Quantity: adasPieces}},
		ShippingAddress: "17 Hidden Lane", BillingAddress: "3 Billing Alley", Notes: "leave it with Zebulon", Metadata: `{"gift":"opal ring"}`,
	}
}

// shippedOrder is one that can be refunded.
func (w *world) shippedOrder() string {
	w.Helper()
	id := w.paidOrder(ada)
	for _, next := range []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED} {
		if _, err := w.orders.UpdateOrderStatus(w.as("s", "staff"), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: next}); err != nil {
			w.Fatal(err)
		}
	}
	return id
}

// complete finds what belongs to an order.
func (w *world) complete(th *things) {
	w.Helper()
	staff := w.as("s", "staff")
	o, err := w.orders.GetOrder(staff, &orderv1.GetOrderRequest{OrderId: th.order})
	if err != nil {
		w.Fatal(err)
	}
	th.number = o.GetOrderNumber()
	payments := paymentv1.NewPaymentServiceClient(w.conns["payment"])
	notifications := notifierv1.NewNotifierServiceClient(w.conns["notifier"])
	w.eventually("the order has a payment and both notifications", func() bool {
		paid, err := payments.ListPayments(staff, &paymentv1.ListPaymentsRequest{OrderId: th.order})
		if err != nil || len(paid.GetPayments()) == 0 {
			return false
		}
		told, err := notifications.ListNotifications(staff, &notifierv1.ListNotificationsRequest{OrderId: th.order})
		if err != nil || len(told.GetNotifications()) < 2 {
			return false
		}
		for _, n := range told.GetNotifications() {
			for _, d := range n.GetDeliveries() {
				if d.GetStatus() != notifierv1.DeliveryStatus_SENT {
					return false
				}
			}
		}
		th.payment, th.notification = paid.GetPayments()[0].GetId(), told.GetNotifications()[0].GetId()
		return true
	})
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			w.Fatalf("within %s it did not come to be that %s", patience, what)
		}
		<-tick.C
	}
}
