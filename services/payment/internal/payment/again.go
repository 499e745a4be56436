package payment

import (
	"fmt"
	"time"
)

// AskAgain has the provider asked once more for what it refused for good: to release a cancelled order's hold, or to pay its
// money back. A person does so once the cause is gone. An error says that nothing is refused.
func AskAgain(p *Payment, now time.Time) error {
	if !p.Stuck() {
		return fmt.Errorf("payment %s waits for nobody: it is %s and wanted %s", p.ID, p.Status, p.Desired)
	}
	p.BlockedCode, p.BlockedReason = "", ""
	p.Again++
	p.Reasking, p.UpdatedAt = true, now
	return nil
}

// Refusal is the provider's code for what a stuck payment waits for.
func (p *Payment) Refusal() string {
	if p.BlockedCode != "" {
		return p.BlockedCode
	}
	if r := p.refund(p.ID); r != nil {
		return r.FailureCode
	}
	return ""
}

// Stuck tells whether a person has to see to the payment: the provider refuses to give a cancelled order's money back.
func (p *Payment) Stuck() bool {
	_, more := p.Next()
	return !more && !p.Settled()
}
