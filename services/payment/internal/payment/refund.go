package payment

import "time"

// RefundStatus is where a refund is.
type RefundStatus string

// The statuses of a refund.
const (
	RefundRequested RefundStatus = "REQUESTED"
	RefundCompleted RefundStatus = "COMPLETED"
	RefundFailed    RefundStatus = "FAILED" // refused for good, by the provider or because its sum was not to be had
)

// Refund is captured money on its way back to the customer. A refund that the order service asked for has the id that
// it was asked under; the one that a cancellation causes has the payment's own id, and its events name none.
type Refund struct {
	ID            string
	Amount        int64
	Status        RefundStatus
	FailureCode   string
	FailureReason string
	RequestedAt   time.Time
	SettledAt     time.Time
}

// Refundable is what was captured and neither paid back nor asked to be.
func (p *Payment) Refundable() int64 {
	left := p.Kept()
	for _, r := range p.Refunds {
		if r.Status == RefundRequested {
			left -= r.Amount
		}
	}
	return left
}

// refund finds a refund by its id; nil when there is none.
func (p *Payment) refund(id string) *Refund {
	for i := range p.Refunds {
		if p.Refunds[i].ID == id {
			return &p.Refunds[i]
		}
	}
	return nil
}

// openRefund is the oldest refund that the provider has not answered for good; nil when there is none.
func (p *Payment) openRefund() *Refund {
	for i := range p.Refunds {
		if p.Refunds[i].Status == RefundRequested {
			return &p.Refunds[i]
		}
	}
	return nil
}

// refundID is how an event names a refund: not at all when a cancellation caused it.
func (p *Payment) refundID(id string) *string {
	if id == p.ID {
		return nil
	}
	return &id
}
