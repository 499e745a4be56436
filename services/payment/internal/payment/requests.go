package payment

import (
	"fmt"
	"time"

	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// What the order service asks for changes the wish and calls nobody; a fact that follows at once is returned as an
// event. A dash changes nothing, because it is a duplicate, comes late, or was answered before.
//
//	               | PaymentRequested   | PaymentCaptureRequested | OrderCancelled          | RefundRequested
//	none           | wants AUTHORIZED   | refused as nonsense     | PaymentVoided, amount 0 | refused as nonsense
//	PENDING        | -                  | wants CAPTURED          | wants VOIDED            | PaymentRefundFailed
//	AUTHORIZED     | -                  | wants CAPTURED          | wants VOIDED            | PaymentRefundFailed
//	CAPTURED       | -                  | -                       | wants VOIDED: refunds   | a refund, or PaymentRefundFailed
//	CAPTURE_FAILED | -                  | -                       | wants VOIDED            | PaymentRefundFailed
//	DECLINED       | -                  | -                       | -                       | PaymentRefundFailed
//	VOIDED         | -                  | -                       | -                       | PaymentRefundFailed
//	REFUNDED       | -                  | -                       | -                       | PaymentRefundFailed
//
// Once VOIDED is wanted, nothing else can be: a capture asked for after a cancellation changes nothing. A cancellation
// of an order that was never seen leaves a tombstone, which absorbs the PaymentRequested behind it.

// Request answers a PaymentRequested. id is that of the new payment. An error means that the event itself makes no
// sense.
func Request(p *Payment, id string, e *orderv1.PaymentRequested, now time.Time) error {
	if p.Status != None {
		return nil
	}
	if e.Amount < 1 || e.Currency == "" {
		return fmt.Errorf("a payment of %d %q", e.Amount, e.Currency)
	}
	p.open(id, e.UserID, e.Amount, e.Currency, now)
	if e.PaymentToken != nil {
		p.Token = *e.PaymentToken
	}
	p.Desired = Authorized
	return nil
}

// RequestCapture answers a PaymentCaptureRequested. An error means that the event makes no sense for this payment.
func RequestCapture(p *Payment, e *orderv1.PaymentCaptureRequested, now time.Time) error {
	switch {
	case p.Status == None:
		return fmt.Errorf("no payment was asked for before its capture")
	case p.Desired != Authorized, p.Status != Pending && p.Status != Authorized:
		return nil
	case e.Amount < 1 || e.Amount > p.Amount || e.Currency != p.Currency:
		return fmt.Errorf("a capture of %d %s of a payment of %d %s", e.Amount, e.Currency, p.Amount, p.Currency)
	}
	p.Desired, p.CaptureAmount, p.UpdatedAt = Captured, e.Amount, now
	return nil
}

// Cancel answers an OrderCancelled: whatever has happened, no money stays held or taken. id is that of the tombstone
// for an order that was never seen.
func Cancel(p *Payment, id string, e *orderv1.OrderCancelled, now time.Time) []Event {
	switch p.Status {
	case None:
		p.open(id, e.UserID, e.Total, e.Currency, now)
		p.Desired = Voided
		return []Event{p.voided(0, now)}
	case Pending, Authorized, Captured, CaptureFailed:
		if p.Desired != Voided {
			p.Desired, p.UpdatedAt = Voided, now
		}
	}
	return nil
}

// RequestRefund answers a RefundRequested. A refund whose sum can't be had fails at once; the sum counts what other
// refunds have asked for, so the caller holds the payment's lock. One asked for twice is one refund. An error means that
// the event makes no sense for this payment.
func RequestRefund(p *Payment, e *orderv1.RefundRequested, now time.Time) ([]Event, error) {
	if p.Status == None {
		return nil, fmt.Errorf("no payment was asked for before its refund")
	}
	if e.RefundID == "" || e.RefundID == p.ID {
		return nil, fmt.Errorf("a refund with the id %q", e.RefundID)
	}
	if p.refund(e.RefundID) != nil {
		return nil, nil
	}
	if code, reason := p.refundFault(e); code != "" {
		return []Event{&paymentv1.PaymentRefundFailed{
			OrderID: p.OrderID, PaymentID: p.ID, RefundID: &e.RefundID, Amount: e.Amount, Currency: e.Currency,
			Code: code, Reason: reason, OccurredAt: now,
		}}, nil
	}
	p.Refunds = append(p.Refunds, Refund{ID: e.RefundID, Amount: e.Amount, Status: RefundRequested, RequestedAt: now})
	p.UpdatedAt = now
	return nil, nil
}

// refundFault says why a refund can't be; an empty code says that it can.
func (p *Payment) refundFault(e *orderv1.RefundRequested) (code, reason string) {
	switch left := p.Refundable(); {
	case e.Currency != p.Currency:
		return "currency_mismatch", fmt.Sprintf("The payment is in %s.", p.Currency)
	case e.Amount < 1:
		return "invalid_amount", "The amount must be positive."
	case p.Captured == 0:
		return "nothing_captured", "Nothing was captured that could be paid back."
	case p.Desired == Voided:
		return "order_cancelled", "The order was cancelled: all of its money is paid back."
	case e.Amount > left:
		return "refund_too_large", fmt.Sprintf("At most %d %s can still be paid back.", left, p.Currency)
	}
	return "", ""
}

func (p *Payment) open(id, userID string, amount int64, currency string, now time.Time) {
	p.ID, p.UserID, p.Amount, p.Currency = id, userID, amount, currency
	p.Status = Pending
	p.CreatedAt, p.UpdatedAt = now, now
}

func (p *Payment) voided(amount int64, now time.Time) Event {
	return &paymentv1.PaymentVoided{
		OrderID: p.OrderID, PaymentID: p.ID, Amount: amount, Currency: p.Currency, OccurredAt: now,
	}
}
