package payment

import (
	"strconv"
	"strings"
)

// Kind is what an operation does.
type Kind string

// The kinds of operations. All but the last are calls to the provider.
const (
	KindAuthorize Kind = "authorize" // holds the amount
	KindCapture   Kind = "capture"   // takes the held amount
	KindVoid      Kind = "void"      // lets the held amount go
	KindRefund    Kind = "refund"    // pays captured money back
	KindAbandon   Kind = "abandon"   // ends a payment that the provider was never asked for
)

// Operation is the next thing to do for a payment.
type Operation struct {
	Kind     Kind
	Key      string // idempotency key: the same for the same operation, however often it is tried
	Amount   int64
	RefundID string // of KindRefund
}

// Next is the operation that brings the payment closer to where it is wanted; false when there is none.
//
// An authorisation whose outcome is unknown is brought to its outcome even when the order was cancelled meanwhile, by
// asking for it again under its key: only then can no hold appear behind the cancellation. A capture needs no such
// care, because a void and a capture exclude each other at the provider.
func (p *Payment) Next() (Operation, bool) {
	if p.BlockedCode != "" {
		return Operation{}, false
	}
	switch p.Status {
	case Pending:
		return p.nextPending()
	case Authorized, CaptureFailed:
		return p.nextHeld()
	case Captured:
		return p.nextCaptured()
	}
	return Operation{}, false
}

func (p *Payment) nextPending() (Operation, bool) {
	switch {
	case p.Desired == None:
		return Operation{}, false
	case p.Desired == Voided && !p.InDoubt:
		return p.operation(KindAbandon, 0), true
	}
	return p.operation(KindAuthorize, p.Amount), true
}

func (p *Payment) nextHeld() (Operation, bool) {
	switch {
	case p.Held() == 0:
		return Operation{}, false
	case p.Desired == Voided:
		return p.operation(KindVoid, p.Held()), true
	case p.Desired == Captured && p.Status == Authorized:
		return p.operation(KindCapture, min(p.CaptureAmount, p.Held())), true
	}
	return Operation{}, false
}

func (p *Payment) nextCaptured() (Operation, bool) {
	if r := p.openRefund(); r != nil {
		return p.refunding(r.ID, r.Amount), true
	}
	if p.Desired == Voided && p.Kept() > 0 && (p.Reasking || p.refund(p.ID) == nil) {
		return p.refunding(p.ID, p.Kept()), true
	}
	return Operation{}, false
}

func (p *Payment) operation(kind Kind, amount int64) Operation {
	op := Operation{Kind: kind, Key: p.ID + ":" + string(kind), Amount: amount}
	if kind == KindVoid {
		op.Key += p.round()
	}
	return op
}

// round makes the key of an operation that was refused before, and is asked for again by a person, another one: under the
// old key the provider would repeat its refusal.
func (p *Payment) round() string {
	if p.Again == 0 {
		return ""
	}
	return "#" + strconv.Itoa(p.Again)
}

func (p *Payment) refunding(id string, amount int64) Operation {
	op := p.operation(KindRefund, amount)
	if id == p.ID {
		op.Key += p.round()
	}
	op.Key += ":" + id
	op.RefundID = id
	return op
}

// ParseKey reads the payment and the refund, if any, off an operation's key; both are empty for a key that is not ours.
func ParseKey(key string) (paymentID, refundID string) {
	parts := strings.SplitN(key, ":", 3)
	if len(parts) < 2 {
		return "", ""
	}
	if len(parts) == 3 {
		refundID = parts[2]
	}
	return parts[0], refundID
}
