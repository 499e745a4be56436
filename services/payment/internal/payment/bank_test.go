package payment

// bank is a model of the provider: money moves at most once for a key, and a payment's state decides what is possible.
type bank struct {
	declines map[Kind]bool // what it refuses for good

	answers                      map[string]Outcome // by key, of the operations that were decided
	holds                        int                // authorisations that took effect
	held, taken, letGo, paidBack int64
	paidBackByRefund             map[string]int64
	late                         []Operation // on their way: they arrive some time
	told                         []Notice    // of every operation that was decided, and on its way just as well
}

func newBank(declines map[Kind]bool) *bank {
	return &bank{declines: declines, answers: map[string]Outcome{}, paidBackByRefund: map[string]int64{}}
}

// perform is a call that arrives.
func (b *bank) perform(op Operation) Outcome {
	if out, ok := b.answers[op.Key]; ok {
		return out
	}
	out, stored := b.decide(op)
	if stored {
		b.answers[op.Key] = out
		paymentID, refundID := ParseKey(op.Key)
		b.told = append(b.told, Notice{
			OrderID: "o1", PaymentID: paymentID, Kind: op.Kind, Succeeded: out.Result == Succeeded, Amount: op.Amount, Currency: "KRW", RefundID: refundID,
		})
	}
	return out
}

func (b *bank) decide(op Operation) (out Outcome, stored bool) {
	if op.Kind == KindAbandon {
		return succeeded(0), false
	}
	if (op.Kind == KindCapture || op.Kind == KindVoid) && b.held == 0 {
		return b.state(op), false
	}
	if op.Kind == KindRefund && op.Amount > b.taken-b.paidBack {
		return refused("amount_too_large"), false
	}
	if b.declines[op.Kind] {
		return refused(string(op.Kind) + "_declined"), true
	}
	switch op.Kind {
	case KindAuthorize:
		b.holds++
		b.held += op.Amount
	case KindCapture:
		b.taken, b.letGo, b.held = op.Amount, b.held-op.Amount, 0
	case KindVoid:
		b.letGo, b.held = b.held, 0
	case KindRefund:
		b.paidBack += op.Amount
		b.paidBackByRefund[op.RefundID] += op.Amount
	}
	return succeeded(op.Amount), true
}

// lookUp finds out what became of an operation; false when it never took effect.
func (b *bank) lookUp(op Operation) (Outcome, bool) {
	if out, ok := b.answers[op.Key]; ok {
		return out, true
	}
	if (op.Kind == KindCapture || op.Kind == KindVoid) && b.held == 0 {
		return b.state(op), true
	}
	return Outcome{}, false
}

// state is how a payment that is no longer held answers a capture or a void.
func (b *bank) state(op Operation) Outcome {
	switch {
	case op.Kind == KindCapture && b.taken > 0:
		return succeeded(b.taken)
	case op.Kind == KindVoid && b.taken == 0:
		return succeeded(b.letGo)
	default:
		return overtaken(b.taken)
	}
}

// arrive lets the n-th late call arrive, behind whatever came meanwhile.
func (b *bank) arrive(n int) {
	op := b.late[n]
	b.late = append(b.late[:n], b.late[n+1:]...)
	b.perform(op)
}
