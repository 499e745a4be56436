package order

import (
	"fmt"
	"time"

	"orderflow.example/schemas/orderv1"
)

// Apply folds one own event into the order. It checks nothing: the decision that made the event did. The error is an
// event of a type that this version does not know.
func (o *Order) Apply(event Event) error {
	at, err := o.fold(event)
	if err != nil {
		return err
	}
	o.Version++
	o.UpdatedAt = at
	o.followSaga(event, at)
	if o.Step != ReserveStock {
		o.PaymentToken = "" // PaymentRequested has it, or nobody will ask for it
	}
	return nil
}

// fold sets the fields that the event speaks of and returns when it happened.
func (o *Order) fold(event Event) (time.Time, error) {
	switch e := event.(type) {
	case *orderv1.OrderPlaced:
		o.foldPlaced(e)
		return e.OccurredAt, nil
	case *orderv1.PaymentRequested:
		return e.OccurredAt, nil
	case *orderv1.OrderConfirmed:
		o.Status, o.PaymentStatus, o.PaymentID, o.ConfirmedAt = Confirmed, PaymentProcessing, e.PaymentID, e.OccurredAt
		return e.OccurredAt, nil
	case *orderv1.PaymentCaptureRequested:
		return e.OccurredAt, nil
	case *orderv1.OrderPaid:
		o.Status, o.PaymentStatus, o.TransactionID, o.PaidAt = Paid, PaymentCompleted, e.TransactionID, e.OccurredAt
		return e.OccurredAt, nil
	case *orderv1.OrderCancelled:
		o.foldCancelled(e)
		return e.OccurredAt, nil
	case *orderv1.OrderPaymentStatusChanged:
		o.PaymentStatus = PaymentStatus(e.PaymentStatus)
		return e.OccurredAt, nil
	case *orderv1.OrderUpdated:
		o.ShippingAddress, o.BillingAddress, o.Notes = text(e.ShippingAddress), text(e.BillingAddress), text(e.Notes)
		return e.OccurredAt, nil
	case *orderv1.OrderProcessing:
		o.Status = Processing
		o.note(e.OccurredAt, text(e.Reason))
		return e.OccurredAt, nil
	case *orderv1.OrderShipped:
		o.Status, o.ShippedAt = Shipped, e.OccurredAt
		o.Carrier, o.TrackingNumber = text(e.Carrier), text(e.TrackingNumber)
		o.note(e.OccurredAt, text(e.Reason))
		return e.OccurredAt, nil
	case *orderv1.OrderDelivered:
		o.Status, o.DeliveredAt = Delivered, e.OccurredAt
		o.note(e.OccurredAt, text(e.Reason))
		return e.OccurredAt, nil
	case *orderv1.RefundRequested:
		o.Refunds = append(o.Refunds, Refund{
			ID: e.RefundID, Amount: e.Amount, Status: RefundRequested, Reason: e.Reason, RequestedAt: e.OccurredAt,
		})
		return e.OccurredAt, nil
	case *orderv1.RefundCompleted:
		o.settleRefund(e.RefundID, RefundCompleted, e.OccurredAt)
		o.RefundedTotal = e.RefundedTotal
		return e.OccurredAt, nil
	case *orderv1.RefundFailed:
		o.settleRefund(e.RefundID, RefundFailed, e.OccurredAt)
		return e.OccurredAt, nil
	case *orderv1.OrderRefunded:
		o.Status, o.PaymentStatus, o.RefundedAt = Refunded, PaymentRefunded, e.OccurredAt
		return e.OccurredAt, nil
	}
	return time.Time{}, fmt.Errorf("order %s: no fold for event %s", o.ID, event.RecordName())
}

func (o *Order) foldPlaced(e *orderv1.OrderPlaced) {
	o.ID, o.Number, o.UserID = e.OrderID, e.OrderNumber, e.UserID
	o.CustomerName, o.CustomerEmail = text(e.CustomerName), text(e.CustomerEmail)
	o.Status, o.PaymentStatus = Pending, PaymentPending
	o.Items = make([]Item, len(e.Items))
	for i, item := range e.Items {
		o.Items[i] = Item{
			ProductID: item.ProductID, SKU: item.Sku, Name: item.Name, UnitPrice: item.UnitPrice, Quantity: item.Quantity,
		}
	}
	o.Total, o.Currency = e.Total, e.Currency
	o.ShippingAddress, o.BillingAddress = text(e.ShippingAddress), text(e.BillingAddress)
	o.Notes, o.Metadata = text(e.Notes), text(e.Metadata)
	o.CreatedAt = e.OccurredAt
}

func (o *Order) foldCancelled(e *orderv1.OrderCancelled) {
	o.Status, o.CancelledAt = Cancelled, e.OccurredAt
	o.CancelCause, o.CancelReason = e.Cause, e.Reason
	switch {
	case e.PaymentFailed:
		o.PaymentStatus = PaymentFailed
	case o.Step == ReserveStock: // no money was asked for yet, so none will be held
		o.PaymentStatus = PaymentCancelled
	}
	o.note(e.OccurredAt, e.Reason)
}

func (o *Order) settleRefund(id string, status RefundStatus, at time.Time) {
	if r := o.refund(id); r != nil {
		r.Status, r.SettledAt = status, at
	}
}

// text reads an optional field of an event, optional writes one: in an order, empty stands for none.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
