package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/etag"
	"orderflow.example/order/internal/order"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func productIDs(req *orderv1.CreateOrderRequest) []string {
	ids := make([]string, len(req.GetItems()))
	for i, item := range req.GetItems() {
		ids[i] = item.GetProductId()
	}
	return ids
}

// placementOf reads a request. Name and address of the customer come from their own token, never from a staff member's.
func placementOf(req *orderv1.CreateOrderRequest, caller auth.Principal) order.Placement {
	p := order.Placement{
		UserID: req.GetUserId(), Currency: req.GetCurrency(), ExpectedTotal: req.ExpectedTotal, PaymentToken: req.GetPaymentToken(),
		ShippingAddress: req.GetShippingAddress(), BillingAddress: req.GetBillingAddress(), Notes: req.GetNotes(), Metadata: req.GetMetadata(),
	}
	if caller.Subject == req.GetUserId() {
		p.CustomerName, p.CustomerEmail = caller.Name, caller.Email
	}
	p.Items = make([]order.Line, len(req.GetItems()))
	for i, item := range req.GetItems() {
		p.Items[i] = order.Line{ProductID: item.GetProductId(), Quantity: item.GetQuantity()}
	}
	return p
}

func orderMessage(o *order.Order) *orderv1.Order {
	m := &orderv1.Order{
		Id: o.ID, OrderNumber: o.Number, UserId: o.UserID,
		Status:        orderv1.OrderStatus_Value(orderv1.OrderStatus_Value_value[string(o.Status)]),
		PaymentStatus: orderv1.PaymentStatus_Value(orderv1.PaymentStatus_Value_value[string(o.PaymentStatus)]),
		Total:         o.Total, Currency: o.Currency, RefundedTotal: refundedTotal(o),
		ShippingAddress: o.ShippingAddress, BillingAddress: o.BillingAddress, Notes: o.AllNotes(), Metadata: o.Metadata,
		PaymentId: o.PaymentID, TransactionId: o.TransactionID,
		CancelCause:  orderv1.CancelCause_Value(orderv1.CancelCause_Value_value[o.CancelCause]),
		CancelReason: o.CancelReason, Carrier: o.Carrier, TrackingNumber: o.TrackingNumber,
		Etag:      etag.Of(o.Version),
		CreatedAt: timestamp(o.CreatedAt), UpdatedAt: timestamp(o.UpdatedAt), ConfirmedAt: timestamp(o.ConfirmedAt),
		PaidAt: timestamp(o.PaidAt), ShippedAt: timestamp(o.ShippedAt), DeliveredAt: timestamp(o.DeliveredAt),
		CancelledAt: timestamp(o.CancelledAt),
	}
	m.Items = make([]*orderv1.OrderItem, len(o.Items))
	for i, item := range o.Items {
		m.Items[i] = &orderv1.OrderItem{
			ProductId: item.ProductID, Sku: item.SKU, Name: item.Name, UnitPrice: item.UnitPrice, Quantity: item.Quantity,
			Subtotal: item.Subtotal(),
		}
	}
	for _, r := range o.Refunds {
		m.Refunds = append(m.Refunds, &orderv1.Refund{
			Id: r.ID, Amount: r.Amount, Reason: r.Reason, RequestedAt: timestamp(r.RequestedAt),
			Status: orderv1.RefundStatus_Value(orderv1.RefundStatus_Value_value[string(r.Status)]),
		})
	}
	return m
}

// refundedTotal counts what a cancellation paid back as well: that is no refund that was asked for, so the order has no
// sum of it, but its payment is REFUNDED once the whole amount is back.
func refundedTotal(o *order.Order) int64 {
	if o.Status == order.Cancelled && o.PaymentStatus == order.PaymentRefunded {
		return o.Total
	}
	return o.RefundedTotal
}

// timestamp is nil for an instant that was not reached.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
