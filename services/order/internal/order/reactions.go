package order

import (
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// The saga's reactions, in the order of its table.

func requestPayment(o *Order, _ *inventoryv1.StockReserved, now time.Time) []Event {
	return []Event{&orderv1.PaymentRequested{
		OrderID: o.ID, UserID: o.UserID, Amount: o.Total, Currency: o.Currency,
		PaymentToken: optional(o.PaymentToken), OccurredAt: now,
	}}
}

func cancelStockRejected(o *Order, e *inventoryv1.StockRejected, now time.Time) []Event {
	return cancelled(o, orderv1.CancellationCauseStockRejected, e.Reason, now)
}

func cancelReservationExpired(o *Order, _ *inventoryv1.ReservationExpired, now time.Time) []Event {
	return cancelled(o, orderv1.CancellationCauseReservationExpired, "The items could not be held any longer.", now)
}

func confirm(o *Order, e *paymentv1.PaymentAuthorized, now time.Time) []Event {
	return []Event{&orderv1.OrderConfirmed{
		OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID, Items: eventItems(o.Items),
		Total: o.Total, Currency: o.Currency,
		CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail),
		PaymentID: e.PaymentID, OccurredAt: now,
	}}
}

func cancelPaymentDeclined(o *Order, e *paymentv1.PaymentDeclined, now time.Time) []Event {
	return cancelledUnpaid(o, orderv1.CancellationCausePaymentDeclined, e.Reason, now)
}

func requestCapture(o *Order, _ *inventoryv1.StockCommitted, now time.Time) []Event {
	return []Event{&orderv1.PaymentCaptureRequested{
		OrderID: o.ID, Amount: o.Total, Currency: o.Currency, OccurredAt: now,
	}}
}

func cancelStockCommitFailed(o *Order, e *inventoryv1.StockCommitFailed, now time.Time) []Event {
	return cancelled(o, orderv1.CancellationCauseStockCommitFailed, e.Reason, now)
}

func markPaid(o *Order, e *paymentv1.PaymentCaptured, now time.Time) []Event {
	return []Event{&orderv1.OrderPaid{
		OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID, Total: o.Total, Currency: o.Currency,
		CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail),
		TransactionID: e.ProviderReference, OccurredAt: now,
	}}
}

func cancelCaptureFailed(o *Order, e *paymentv1.PaymentCaptureFailed, now time.Time) []Event {
	return cancelledUnpaid(o, orderv1.CancellationCausePaymentCaptureFailed, e.Reason, now)
}

func paymentVoided(o *Order, _ *paymentv1.PaymentVoided, now time.Time) []Event {
	return paymentBecomes(o, PaymentCancelled, now)
}

func paymentRefunded(o *Order, e *paymentv1.PaymentRefunded, now time.Time) []Event {
	if e.RefundedTotal < o.Total {
		return nil // a part refund stays COMPLETED
	}
	return paymentBecomes(o, PaymentRefunded, now)
}

func paymentAuthorizedLate(o *Order, _ *paymentv1.PaymentAuthorized, now time.Time) []Event {
	return paymentBecomes(o, PaymentProcessing, now)
}

func paymentCapturedLate(o *Order, _ *paymentv1.PaymentCaptured, now time.Time) []Event {
	return paymentBecomes(o, PaymentCompleted, now)
}

func paymentDeclinedLate(o *Order, _ *paymentv1.PaymentDeclined, now time.Time) []Event {
	return paymentBecomes(o, PaymentFailed, now)
}

func paymentCaptureFailedLate(o *Order, _ *paymentv1.PaymentCaptureFailed, now time.Time) []Event {
	return paymentBecomes(o, PaymentFailed, now)
}

func paymentBecomes(o *Order, next PaymentStatus, now time.Time) []Event {
	if !o.PaymentStatus.CanBecome(next) {
		return nil
	}
	return []Event{&orderv1.OrderPaymentStatusChanged{OrderID: o.ID, PaymentStatus: string(next), OccurredAt: now}}
}

func completeRefund(o *Order, e *paymentv1.PaymentRefunded, now time.Time) []Event {
	r := o.refund(text(e.RefundID))
	if r == nil || r.Status != RefundRequested {
		return nil
	}
	refunded := o.RefundedTotal + r.Amount
	events := []Event{&orderv1.RefundCompleted{
		OrderID: o.ID, RefundID: r.ID, Amount: r.Amount, Currency: o.Currency, RefundedTotal: refunded, OccurredAt: now,
	}}
	if refunded == o.Total {
		events = append(events, &orderv1.OrderRefunded{
			OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID, Total: o.Total, Currency: o.Currency,
			CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail), OccurredAt: now,
		})
	}
	return events
}

func failRefund(o *Order, e *paymentv1.PaymentRefundFailed, now time.Time) []Event {
	r := o.refund(text(e.RefundID))
	if r == nil || r.Status != RefundRequested {
		return nil
	}
	return []Event{&orderv1.RefundFailed{
		OrderID: o.ID, RefundID: r.ID, Amount: r.Amount, Currency: o.Currency, Reason: e.Reason, OccurredAt: now,
	}}
}

func eventItems(items []Item) []orderv1.OrderItem {
	out := make([]orderv1.OrderItem, len(items))
	for i, item := range items {
		out[i] = orderv1.OrderItem{
			ProductID: item.ProductID, Sku: item.SKU, Name: item.Name, UnitPrice: item.UnitPrice, Quantity: item.Quantity,
		}
	}
	return out
}
