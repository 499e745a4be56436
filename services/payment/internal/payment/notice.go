package payment

// Notice is what a provider's webhook says has happened. It moves nothing: what is known of a payment comes from the
// provider's answers alone, and a notice is held against it.
type Notice struct {
	OrderID   string
	PaymentID string // ours; empty when the provider does not say
	Reference string // the provider's id of the payment; empty when it made none
	Kind      Kind
	Succeeded bool
	Amount    int64 // what moved; of a failure, what was asked for, 0 when the provider does not say
	Currency  string
	RefundID  string // of KindRefund: the refund, as in Operation
}

// Verdict is what a notice is, held against the payment.
type Verdict struct {
	Standing Standing
	Reason   string // of Contradicts: a stable name
}

// Standing is where a notice stands.
type Standing string

// The standings of a notice.
const (
	Open        Standing = "OPEN"        // the operation that it may speak of has no outcome yet: it is judged again
	Agrees      Standing = "AGREES"      // the payment says the same
	Contradicts Standing = "CONTRADICTS" // the payment says otherwise, and nothing under way can change that
	Dismissed   Standing = "DISMISSED"   // it contradicted, and a person has seen to it
)

// Judge holds a notice against the payment, which it never changes. As long as the operation that the notice may speak of
// is under way, or has an unknown outcome that is being found out, the verdict is Open; so it makes no difference whether
// a notice comes before the call's answer, after it, or in its stead.
func Judge(p *Payment, n Notice) Verdict {
	switch {
	case p == nil || p.Status == None:
		return contradiction("unknown_payment")
	case n.PaymentID != "" && n.PaymentID != p.ID, n.Reference != "" && p.ProviderReference != "" && n.Reference != p.ProviderReference:
		return contradiction("other_payment")
	case n.Currency != p.Currency:
		return contradiction("other_currency")
	}
	switch n.Kind {
	case KindAuthorize:
		return p.judgeAuthorization(n)
	case KindCapture:
		return p.judgeCapture(n)
	case KindVoid:
		return p.judgeVoid(n)
	case KindRefund:
		return p.judgeRefund(n)
	}
	return contradiction("unknown_kind")
}

func (p *Payment) judgeAuthorization(n Notice) Verdict {
	switch {
	case p.Status == Pending && n.Amount != 0 && n.Amount != p.Amount:
		return contradiction("other_amount")
	case p.Status == Pending && p.Desired != None:
		return Verdict{Standing: Open}
	case n.Succeeded && p.Authorized > 0:
		return same(n.Amount, p.Authorized)
	case !n.Succeeded && p.Status == Declined:
		return Verdict{Standing: Agrees}
	}
	return p.otherwise()
}

func (p *Payment) judgeCapture(n Notice) Verdict {
	_, more := p.Next()
	switch {
	case n.Succeeded && p.Captured > 0:
		return same(n.Amount, p.Captured)
	case p.CaptureAmount == 0:
		return contradiction("not_asked_for")
	case n.Succeeded && p.Held() > 0 && n.Amount != min(p.CaptureAmount, p.Held()):
		return contradiction("other_amount")
	case p.Status == Authorized && more: // the capture is under way, or a void whose answer tells whether it took effect
		return Verdict{Standing: Open}
	case !n.Succeeded && p.Captured == 0 && p.Authorized > 0:
		return Verdict{Standing: Agrees}
	}
	return p.otherwise()
}

func (p *Payment) judgeVoid(n Notice) Verdict {
	_, more := p.Next()
	switch {
	case p.Held() > 0 && p.Desired == Voided && more:
		return Verdict{Standing: Open}
	case n.Succeeded && p.Status == Voided && p.Voided > 0:
		return same(n.Amount, p.Voided)
	case !n.Succeeded && (p.Held() > 0 && p.BlockedCode != "" || p.Again > 0):
		return Verdict{Standing: Agrees}
	}
	return p.otherwise()
}

func (p *Payment) judgeRefund(n Notice) Verdict {
	r := p.refund(n.RefundID)
	if r == nil {
		if op, more := p.Next(); more && p.Desired == Voided && n.RefundID == p.ID && op.Kind != KindAbandon {
			return Verdict{Standing: Open}
		}
		return contradiction("not_asked_for")
	}
	switch {
	case n.Amount != 0 && n.Amount != r.Amount:
		return contradiction("other_amount")
	case n.RefundID == p.ID && p.Again > 0 && !n.Succeeded: // refused before it was asked for again
		return Verdict{Standing: Agrees}
	case r.Status == RefundRequested, n.RefundID == p.ID && p.Reasking:
		return Verdict{Standing: Open}
	case n.Succeeded == (r.Status == RefundCompleted):
		return Verdict{Standing: Agrees}
	}
	return contradiction("refund_" + string(r.Status))
}

func same(said, known int64) Verdict {
	if said != known {
		return contradiction("other_amount")
	}
	return Verdict{Standing: Agrees}
}

func (p *Payment) otherwise() Verdict { return contradiction("payment_" + string(p.Status)) }

func contradiction(reason string) Verdict { return Verdict{Standing: Contradicts, Reason: reason} }
