// Package order is the domain: what an order is, what may happen to it, and the saga that takes it from placed to paid.
// It knows no SQL, Kafka or protobuf. Decisions take the state, a command and the time and return events; Apply folds
// events into the state; whoever stores both decides nothing.
package order

import "time"

// Event is one of this service's own facts, a pointer to a struct of schemas/orderv1.
type Event interface{ RecordName() string }

// Order is an order as its own events tell it, and nothing else: its row is a snapshot of that fold. Only PaymentToken
// is not theirs: a secret that most events' readers have no need of.
// Money is in minor units of Currency; times are UTC in whole microseconds, zero while not reached.
type Order struct {
	ID      string
	Version int64 // number of own events folded so far: the sequence of the last one

	Number        string
	UserID        string
	CustomerName  string
	CustomerEmail string
	Status        Status
	PaymentStatus PaymentStatus
	Items         []Item
	Total         int64
	Currency      string
	PaymentToken  string // single-use, kept until PaymentRequested passes it on; no other event tells it

	ShippingAddress string
	BillingAddress  string
	Notes           string // the customer's own
	Reasons         string // of status changes, a line or more each, with its time; see AllNotes
	Metadata        string

	PaymentID      string
	TransactionID  string
	CancelCause    string // a symbol of orderv1.CancellationCause
	CancelReason   string
	Carrier        string
	TrackingNumber string
	RefundedTotal  int64
	Refunds        []Refund // oldest first

	Step      Step      // what the saga is doing; empty when nothing is under way
	StepSince time.Time // when that step began

	CreatedAt   time.Time
	UpdatedAt   time.Time
	ConfirmedAt time.Time
	PaidAt      time.Time
	ShippedAt   time.Time
	DeliveredAt time.Time
	CancelledAt time.Time
	RefundedAt  time.Time
}

// Item is a line of an order, as the product was when the order was placed.
type Item struct {
	ProductID string
	SKU       string
	Name      string
	UnitPrice int64
	Quantity  int32
}

// Subtotal is the price of the line. Placing the order made sure that it fits.
func (i Item) Subtotal() int64 { return i.UnitPrice * int64(i.Quantity) }

// RefundStatus is where a refund is.
type RefundStatus string

// The statuses of a refund.
const (
	RefundRequested RefundStatus = "REQUESTED"
	RefundCompleted RefundStatus = "COMPLETED"
	RefundFailed    RefundStatus = "FAILED"
)

// Refund is money on its way back to the customer of a shipped order.
type Refund struct {
	ID          string
	Amount      int64
	Status      RefundStatus
	Reason      string
	RequestedAt time.Time
	SettledAt   time.Time
}

// Refundable is what was neither refunded nor asked to be.
func (o *Order) Refundable() int64 {
	left := o.Total
	for _, r := range o.Refunds {
		if r.Status != RefundFailed {
			left -= r.Amount
		}
	}
	return left
}

// refund finds a refund by its id; nil when there is none.
func (o *Order) refund(id string) *Refund {
	for i := range o.Refunds {
		if o.Refunds[i].ID == id {
			return &o.Refunds[i]
		}
	}
	return nil
}

// openRefund is the oldest refund that the provider has not answered; nil when there is none.
func (o *Order) openRefund() *Refund {
	for i := range o.Refunds {
		if o.Refunds[i].Status == RefundRequested {
			return &o.Refunds[i]
		}
	}
	return nil
}
