package payment

import (
	"fmt"
	"time"

	"orderflow.example/schemas/paymentv1"
)

// Apply folds one own event into the payment. It checks nothing: the decision that made the event did. The error is an
// event of a type that this version does not know.
func (p *Payment) Apply(event Event) error {
	var at time.Time
	switch e := event.(type) {
	case *paymentv1.PaymentAuthorized:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Status, p.Authorized, p.AuthorizedAt = Authorized, e.Amount, at
		p.Provider, p.ProviderReference = e.Provider, e.ProviderReference
	case *paymentv1.PaymentDeclined:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Status, p.FailureCode, p.FailureReason = Declined, e.Code, e.Reason
	case *paymentv1.PaymentCaptured:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Status, p.Captured, p.CapturedAt = Captured, e.Amount, at
		p.Voided = p.Authorized - p.Captured // the provider lets go what a capture leaves
	case *paymentv1.PaymentCaptureFailed:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Status, p.FailureCode, p.FailureReason = CaptureFailed, e.Code, e.Reason
	case *paymentv1.PaymentVoided:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Status = Voided
		p.Voided += e.Amount
	case *paymentv1.PaymentRefunded:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.Refunded = e.RefundedTotal
		if p.Kept() == 0 {
			p.Status = Refunded
		}
		p.settled(e.RefundID, Refund{Amount: e.Amount, Status: RefundCompleted, SettledAt: at})
	case *paymentv1.PaymentRefundFailed:
		at, p.ID = e.OccurredAt, e.PaymentID
		p.settled(e.RefundID, Refund{
			Amount: e.Amount, Status: RefundFailed, FailureCode: e.Code, FailureReason: e.Reason, SettledAt: at,
		})
	default:
		return fmt.Errorf("%s is not an event of a payment", event.RecordName())
	}
	p.Version++
	p.UpdatedAt = at
	return nil
}

// settled ends the refund that the event names. One that nobody asked for before begins with its end: a cancellation's,
// or one that was refused at once.
func (p *Payment) settled(id *string, end Refund) {
	end.ID, end.RequestedAt = p.ID, end.SettledAt
	if id != nil {
		end.ID = *id
	}
	if r := p.refund(end.ID); r != nil {
		end.RequestedAt = r.RequestedAt
		*r = end
		return
	}
	p.Refunds = append(p.Refunds, end)
}
