package order

import (
	"strconv"
	"time"
	"unicode/utf8"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// maxReason bounds the reason of a status change, in characters.
const maxReason = 500

// Cancel ends an order before shipping at the wish of a person: cause is CUSTOMER_REQUEST or STAFF_REQUEST. Stock and
// money are given back behind it.
func Cancel(o *Order, cause, reason string, now time.Time) ([]Event, error) {
	if err := o.mustBecome(Cancelled); err != nil {
		return nil, err
	}
	return cancelled(o, cause, reason, now), nil
}

// Shipment says who carries a parcel.
type Shipment struct{ Carrier, TrackingNumber string }

// UpdateStatus is a move that staff make: to PROCESSING, SHIPPED or DELIVERED.
func UpdateStatus(o *Order, next Status, shipment Shipment, reason string, now time.Time) ([]Event, error) {
	if err := o.mustBecome(next); err != nil {
		return nil, err
	}
	why := optional(reason)
	switch next {
	case Processing:
		return []Event{&orderv1.OrderProcessing{OrderID: o.ID, UserID: o.UserID, Reason: why, OccurredAt: now}}, nil
	case Shipped:
		return []Event{&orderv1.OrderShipped{
			OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID,
			CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail),
			Carrier: optional(shipment.Carrier), TrackingNumber: optional(shipment.TrackingNumber),
			Reason: why, OccurredAt: now,
		}}, nil
	case Delivered:
		return []Event{&orderv1.OrderDelivered{
			OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID,
			CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail),
			Reason: why, OccurredAt: now,
		}}, nil
	}
	return nil, errs.New(errs.FailedPrecondition, "ORDER_STATUS_NOT_SETTABLE",
		"an order that is %s becomes %s by its saga, its cancellation or its refund, not by a status update", o.Status, next).
		With("order_id", o.ID).With("status", string(o.Status)).With("requested_status", string(next))
}

// RequestRefund asks for money of a shipped order to be paid back. Amount nil is all that is left. Refunds that are
// done or under way never add up to more than was captured, so a refund asked for twice is refused.
func RequestRefund(o *Order, refundID string, amount *int64, reason string, now time.Time) ([]Event, error) {
	if err := o.mustBecome(Refunded); err != nil {
		return nil, err
	}
	left := o.Refundable()
	if left == 0 {
		return nil, errs.New(errs.FailedPrecondition, "NOTHING_TO_REFUND", "the whole amount of the order is refunded or about to be").
			With("order_id", o.ID).With("refundable", "0")
	}
	sum := left
	if amount != nil {
		sum = *amount
	}
	if sum < 1 {
		return nil, errs.Invalid(errs.Field{Name: "amount", Rule: "amount.positive", Description: "must be positive"})
	}
	if sum > left {
		return nil, errs.New(errs.FailedPrecondition, "REFUND_TOO_LARGE", "at most %d %s of the order can still be refunded, not %d", left, o.Currency, sum).
			With("order_id", o.ID).With("refundable", strconv.FormatInt(left, 10))
	}
	return []Event{&orderv1.RefundRequested{
		OrderID: o.ID, RefundID: refundID, Amount: sum, Currency: o.Currency, Reason: shorten(reason), OccurredAt: now,
	}}, nil
}

// cancelled ends the order; the caller knows that it may.
func cancelled(o *Order, cause, reason string, now time.Time) []Event {
	return []Event{cancellation(o, cause, reason, false, now)}
}

// cancelledUnpaid ends an order whose payment was refused for good.
func cancelledUnpaid(o *Order, cause, reason string, now time.Time) []Event {
	return []Event{cancellation(o, cause, reason, true, now)}
}

func cancellation(o *Order, cause, reason string, paymentFailed bool, now time.Time) Event {
	return &orderv1.OrderCancelled{
		OrderID: o.ID, OrderNumber: o.Number, UserID: o.UserID, Total: o.Total, Currency: o.Currency,
		CustomerName: optional(o.CustomerName), CustomerEmail: optional(o.CustomerEmail),
		PreviousStatus: string(o.Status), Cause: cause, Reason: shorten(reason), PaymentFailed: paymentFailed, OccurredAt: now,
	}
}

// shorten cuts another service's reason to what an order stores.
func shorten(reason string) string {
	if utf8.RuneCountInString(reason) <= maxReason {
		return reason
	}
	return string([]rune(reason)[:maxReason])
}
