package access

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	paymentv1 "orderflow.example/proto/gen/orderflow/payment/v1"
)

// filters are the lists and sums that show what was asked for and nothing beside it. They are asked for before there are other orders than those of fill.
func (w *world) filters() (cells []cell) {
	past, future := timestamppb.New(time.Now().Add(-time.Hour)), timestamppb.New(time.Now().Add(time.Hour))
	for _, asked := range []struct {
		rpc         string
		request     proto.Message
		sees, hides string
	}{
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{UserId: ada}, w.ada.payment, w.bob.payment},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{UserId: bob}, w.bob.payment, w.ada.payment},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{UserId: bob, OrderId: w.ada.order}, "", w.ada.payment},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{Status: paymentv1.PaymentStatus_CAPTURED}, w.ada.payment, ""},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{Status: paymentv1.PaymentStatus_VOIDED}, "", w.ada.payment},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{CreatedAfter: past, CreatedBefore: future}, w.ada.payment, ""},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{CreatedAfter: future}, "", w.ada.payment},
		{"PaymentService.ListPayments", &paymentv1.ListPaymentsRequest{CreatedBefore: past}, "", w.ada.payment},
		{"PaymentService.ListLedgerEntries", &paymentv1.ListLedgerEntriesRequest{OccurredAfter: past, OccurredBefore: future, OrderId: w.ada.order}, w.ada.order, w.bob.order},
		{"PaymentService.ListLedgerEntries", &paymentv1.ListLedgerEntriesRequest{OccurredAfter: future}, "", w.ada.order},
		{"InventoryService.ListStockAdjustments", &inventoryv1.ListStockAdjustmentsRequest{Actor: "keeper"}, "100000", ""},
		{"InventoryService.ListStockAdjustments", &inventoryv1.ListStockAdjustmentsRequest{Actor: ada}, "", "100000"},
		{"InventoryService.ListStockAdjustments", &inventoryv1.ListStockAdjustmentsRequest{Source: inventoryv1.StockAdjustmentSource_INITIAL_STOCK}, "100000", ""},
		{"InventoryService.ListStockAdjustments", &inventoryv1.ListStockAdjustmentsRequest{Source: inventoryv1.StockAdjustmentSource_IMPORT}, "", "100000"},
		{"OrderService.GetOrderSummary", &orderv1.GetOrderSummaryRequest{}, allRevenue, ""},
		{"OrderService.GetOrderSummary", &orderv1.GetOrderSummaryRequest{UserId: ada}, adasRevenue, bob},
		{"OrderService.GetOrderSummary", &orderv1.GetOrderSummaryRequest{UserId: bob}, bobsRevenue, ada},
		{"OrderService.GetOrderSummary", &orderv1.GetOrderSummaryRequest{UserId: ada, Currency: "EUR"}, ada, adasRevenue},
	} {
		r := named(asked.rpc)
		for _, over := range w.transports {
			for _, role := range r.rule.Roles {
				c := cell{rpc: r, over: over, who: "the role " + role + " filters", headers: bearer(w.token("of-"+role, role)), request: asked.request, own: true}
				if c.sees, c.hides = asked.sees, asked.hides; role == customer {
					c.own, c.sees, c.hides = false, "", allRevenue
				}
				cells = append(cells, c)
			}
			if r.expected(customer) == codes.PermissionDenied { // their own, too
				cells = append(cells, cell{rpc: r, over: over, who: "ada filters", headers: bearer(w.token(ada)), request: asked.request, want: codes.PermissionDenied})
			}
		}
	}
	return cells
}
