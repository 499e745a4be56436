package payment

import (
	"fmt"
	"time"

	"orderflow.example/schemas/paymentv1"
)

// Result is what a provider operation came to.
type Result int

// The results of an operation.
const (
	Unknown     Result = iota // it may have taken effect, or may still: its outcome has to be found out
	Succeeded                 // it took effect
	Refused                   // it will never take effect
	Overtaken                 // the payment is no longer in the state that the operation needs
	Unavailable               // it took no effect; worth another try
	Paused                    // it was not tried, because the provider has been failing
)

func (r Result) String() string {
	return [...]string{"unknown", "succeeded", "refused", "overtaken", "unavailable", "paused"}[r]
}

// Outcome is the answer to an operation.
type Outcome struct {
	Result Result

	// Of Succeeded.
	Provider  string // name of the provider
	Reference string // the provider's id of the payment
	Amount    int64  // what the operation moved

	// Of Refused, and of an Overtaken capture.
	Code, Reason string

	// Captured, of Overtaken, is what the provider has captured; none means that it let all of it go.
	Captured int64

	// Of Unknown and Unavailable: the provider's own wish; zero when it has none. Of Paused: how long to leave it alone.
	RetryAfter time.Duration

	Cause error // for the log, when there was no definite answer
}

// Definite tells whether the outcome ends the operation.
func (o Outcome) Definite() bool {
	return o.Result == Succeeded || o.Result == Refused || o.Result == Overtaken
}

// Settle notes the outcome of an operation and returns the facts that follow from it. The payment may have changed
// since Next, in what is wanted; its facts can't, because one operation runs at a time. An error says that they did.
func Settle(p *Payment, op Operation, out Outcome, now time.Time) ([]Event, error) {
	if err := p.mayHaveRun(op); err != nil {
		return nil, err
	}
	switch out.Result {
	case Unknown:
		p.InDoubt = true
		p.Tries++
		return nil, nil
	case Unavailable:
		p.Tries++
		return nil, nil
	case Paused: // no try: other payments' failures must not put this one's next try off
		return nil, nil
	}
	p.InDoubt, p.Tries, p.UpdatedAt = false, 0, now
	if op.Kind == KindVoid || op.RefundID == p.ID {
		p.Reasking = false
	}
	switch op.Kind {
	case KindAuthorize:
		return p.settleAuthorization(out, now), nil
	case KindCapture:
		return p.settleCapture(out, now), nil
	case KindVoid:
		return p.settleVoid(out, now), nil
	case KindRefund:
		return p.settleRefund(op, out, now), nil
	default:
		return []Event{p.voided(0, now)}, nil
	}
}

// mayHaveRun tells whether the payment's facts are those that the operation started from.
func (p *Payment) mayHaveRun(op Operation) error {
	var fits bool
	switch op.Kind {
	case KindAuthorize, KindAbandon:
		fits = p.Status == Pending
	case KindCapture:
		fits = p.Status == Authorized
	case KindVoid:
		fits = p.Held() > 0
	case KindRefund:
		r := p.refund(op.RefundID)
		fits = p.Status == Captured && (r == nil || r.Status == RefundRequested || p.Reasking && op.RefundID == p.ID)
	}
	if !fits {
		return fmt.Errorf("payment %s is %s: no %s can have been under way", p.ID, p.Status, op.Kind)
	}
	return nil
}

func (p *Payment) settleAuthorization(out Outcome, now time.Time) []Event {
	p.Token = ""
	if out.Result != Succeeded {
		return []Event{&paymentv1.PaymentDeclined{
			OrderID: p.OrderID, PaymentID: p.ID, Amount: p.Amount, Currency: p.Currency,
			Code: out.Code, Reason: out.Reason, OccurredAt: now,
		}}
	}
	return []Event{&paymentv1.PaymentAuthorized{
		OrderID: p.OrderID, PaymentID: p.ID, Amount: out.Amount, Currency: p.Currency,
		Provider: out.Provider, ProviderReference: out.Reference, OccurredAt: now,
	}}
}

func (p *Payment) settleCapture(out Outcome, now time.Time) []Event {
	if out.Result == Succeeded {
		return []Event{p.captured(out.Amount, now)}
	}
	failed := &paymentv1.PaymentCaptureFailed{
		OrderID: p.OrderID, PaymentID: p.ID, Amount: p.CaptureAmount, Currency: p.Currency,
		Code: out.Code, Reason: out.Reason, OccurredAt: now,
	}
	if out.Result == Refused {
		return []Event{failed}
	}
	return []Event{failed, p.voided(p.Held(), now)}
}

func (p *Payment) settleVoid(out Outcome, now time.Time) []Event {
	switch out.Result {
	case Refused: // no event tells of a hold that can't be released: a person has to see to it
		p.BlockedCode, p.BlockedReason = out.Code, out.Reason
		return nil
	case Overtaken: // a capture whose answer was lost won: what it took is paid back
		return []Event{p.captured(out.Captured, now)}
	default:
		return []Event{p.voided(p.Held(), now)}
	}
}

func (p *Payment) settleRefund(op Operation, out Outcome, now time.Time) []Event {
	if out.Result == Succeeded {
		return []Event{&paymentv1.PaymentRefunded{
			OrderID: p.OrderID, PaymentID: p.ID, RefundID: p.refundID(op.RefundID), Amount: out.Amount, Currency: p.Currency,
			RefundedTotal: p.Refunded + out.Amount, OccurredAt: now,
		}}
	}
	return []Event{&paymentv1.PaymentRefundFailed{
		OrderID: p.OrderID, PaymentID: p.ID, RefundID: p.refundID(op.RefundID), Amount: op.Amount, Currency: p.Currency,
		Code: out.Code, Reason: out.Reason, OccurredAt: now,
	}}
}

func (p *Payment) captured(amount int64, now time.Time) Event {
	return &paymentv1.PaymentCaptured{
		OrderID: p.OrderID, PaymentID: p.ID, Amount: amount, Currency: p.Currency,
		ProviderReference: p.ProviderReference, OccurredAt: now,
	}
}
