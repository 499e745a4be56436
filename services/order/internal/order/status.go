package order

import (
	"slices"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// Status is where an order is on its way.
type Status string

// The statuses of an order, by their names in the events.
const (
	Pending    Status = orderv1.OrderStatusPending    // placed; stock and payment are being arranged
	Confirmed  Status = orderv1.OrderStatusConfirmed  // stock is reserved and the payment authorised
	Paid       Status = orderv1.OrderStatusPaid       // the payment is captured
	Processing Status = orderv1.OrderStatusProcessing // being packed
	Shipped    Status = orderv1.OrderStatusShipped    // on its way
	Delivered  Status = orderv1.OrderStatusDelivered  // with the customer
	Cancelled  Status = orderv1.OrderStatusCancelled  // final: ended before shipping, stock and money are given back
	Refunded   Status = orderv1.OrderStatusRefunded   // final: all money was given back after shipping
)

// moves lists every allowed move of an order. CONFIRMED and PAID are made by the saga alone.
var moves = map[Status][]Status{
	Pending:    {Confirmed, Cancelled},
	Confirmed:  {Paid, Cancelled},
	Paid:       {Processing, Cancelled},
	Processing: {Shipped, Cancelled},
	Shipped:    {Delivered, Refunded}, // REFUNDED: the parcel was lost
	Delivered:  {Refunded},
	Cancelled:  {},
	Refunded:   {},
}

// CanBecome tells whether the move is allowed.
func (s Status) CanBecome(next Status) bool { return slices.Contains(moves[s], next) }

// Final tells whether no move leads on.
func (s Status) Final() bool { return len(moves[s]) == 0 }

// BeforeShipping tells whether nothing has left the house and nothing ended the order.
func (s Status) BeforeShipping() bool { return s.CanBecome(Cancelled) }

// PaymentStatus is where an order's payment is, as far as the order service was told.
type PaymentStatus string

// The statuses of a payment, by their names in the events.
const (
	PaymentPending    PaymentStatus = orderv1.PaymentStatusPending    // not asked for yet, or not answered yet
	PaymentProcessing PaymentStatus = orderv1.PaymentStatusProcessing // authorised: the amount is held
	PaymentCompleted  PaymentStatus = orderv1.PaymentStatusCompleted  // captured; stays so when a part is refunded
	PaymentFailed     PaymentStatus = orderv1.PaymentStatusFailed     // refused for good
	PaymentCancelled  PaymentStatus = orderv1.PaymentStatusCancelled  // voided: nothing was taken
	PaymentRefunded   PaymentStatus = orderv1.PaymentStatusRefunded   // the whole amount was paid back
)

// paymentMoves lists every allowed move of a payment.
var paymentMoves = map[PaymentStatus][]PaymentStatus{
	PaymentPending:    {PaymentProcessing, PaymentFailed, PaymentCancelled}, // FAILED: declined, so never authorised
	PaymentProcessing: {PaymentCompleted, PaymentFailed, PaymentCancelled},
	PaymentCompleted:  {PaymentRefunded},
	PaymentFailed:     {},
	PaymentCancelled:  {},
	PaymentRefunded:   {},
}

// CanBecome tells whether the move is allowed.
func (s PaymentStatus) CanBecome(next PaymentStatus) bool {
	return slices.Contains(paymentMoves[s], next)
}

// Settled tells whether nothing more will happen to the money of a cancelled order.
func (s PaymentStatus) Settled() bool { return len(paymentMoves[s]) == 0 }

// mustBecome refuses a move that the table does not have, naming both states.
func (o *Order) mustBecome(next Status) error {
	if o.Status.CanBecome(next) {
		return nil
	}
	return errs.New(errs.FailedPrecondition, "ORDER_STATUS_MOVE", "an order that is %s cannot become %s", o.Status, next).
		With("order_id", o.ID).With("status", string(o.Status)).With("requested_status", string(next))
}
