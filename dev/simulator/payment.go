package simulator

import (
	"slices"
	"time"

	"orderflow.example/dev/internal/journal"
)

// Payment is the money of one authorisation. Amounts are minor units of Currency.
type Payment struct {
	ID             string    `json:"id"`
	Reference      string    `json:"reference"`
	IdempotencyKey string    `json:"idempotency_key"`
	Status         string    `json:"status"`
	Currency       string    `json:"currency"`
	Amount         int64     `json:"amount"`
	AmountCaptured int64     `json:"amount_captured"`
	AmountVoided   int64     `json:"amount_voided"`
	AmountRefunded int64     `json:"amount_refunded"`
	Refunds        []Refund  `json:"refunds"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// The states of a Payment.
const (
	StatusAuthorized = "authorized"
	StatusCaptured   = "captured"
	StatusVoided     = "voided"
	StatusRefunded   = "refunded" // all that was captured
)

// Refund is money given back.
type Refund struct {
	ID             string    `json:"id"`
	PaymentID      string    `json:"payment_id"`
	IdempotencyKey string    `json:"idempotency_key"`
	Amount         int64     `json:"amount"`
	Currency       string    `json:"currency"`
	Status         string    `json:"status"`
	Reason         string    `json:"reason"`
	CreatedAt      time.Time `json:"created_at"`
}

// Operation tells what became of one idempotency key.
type Operation struct {
	IdempotencyKey string    `json:"idempotency_key"`
	Kind           string    `json:"kind"`
	Status         string    `json:"status"`
	Amount         int64     `json:"amount"`
	PaymentID      string    `json:"payment_id"`
	RefundID       string    `json:"refund_id"`
	Error          *Error    `json:"error,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
	Payment        *Payment  `json:"payment,omitempty"`
}

// The kinds and states of an Operation.
const (
	KindAuthorize = "authorize"
	KindCapture   = "capture"
	KindVoid      = "void"
	KindRefund    = "refund"

	OperationProcessing = "processing"
	OperationSucceeded  = "succeeded"
	OperationDeclined   = "declined"
)

// payment is a Payment with what only the provider knows of it.
type payment struct {
	Payment
	token  string
	commit *journal.Commit // of its newest change
}

func (p *payment) snapshot() Payment {
	out := p.Payment
	out.Refunds = append(make([]Refund, 0, len(p.Refunds)), p.Refunds...)
	return out
}

// asOf is the payment as it was right after the operation, so that a repeated call is answered as the first one was.
func (p *payment) asOf(a answer) Payment {
	out := p.snapshot()
	out.Status, out.UpdatedAt = a.status, a.at
	out.AmountCaptured, out.AmountVoided, out.AmountRefunded = a.captured, a.voided, a.refunded
	out.Refunds = slices.Clip(out.Refunds[:a.refunds])
	return out
}

// answer holds what a payment's later operations change.
type answer struct {
	status                     string
	captured, voided, refunded int64
	refunds                    int
	at                         time.Time
}

func (p *payment) answer() answer {
	return answer{status: p.Status, captured: p.AmountCaptured, voided: p.AmountVoided,
		refunded: p.AmountRefunded, refunds: len(p.Refunds), at: p.UpdatedAt}
}

// request is a call's fields. Two calls with one idempotency key must be equal in all of them.
type request struct {
	Kind      string `json:"kind"`
	PaymentID string `json:"payment_id,omitempty"` // from the path; empty for an authorisation
	Amount    int64  `json:"amount,omitempty"`
	Currency  string `json:"currency,omitempty"`
	Token     string `json:"token,omitempty"`
	Reference string `json:"reference,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// entry is one operation that took effect or was declined: the journal's record, and all that changes the bank.
type entry struct {
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Request   request   `json:"request"`
	PaymentID string    `json:"payment_id,omitempty"`
	RefundID  string    `json:"refund_id,omitempty"`
	Declined  *Error    `json:"declined,omitempty"`
	EventID   string    `json:"event_id,omitempty"` // of the webhook that tells of it
}

// failure is the journal's record of a failure that was played, so that a restart does not begin it anew.
type failure struct {
	Played string `json:"played"`
}

// told is the journal's record of a webhook that was acknowledged.
type told struct {
	EventID string `json:"told"`
}

// operation is an entry as the bank remembers it, or one that a slow call still works on.
type operation struct {
	entry
	answer  answer
	commit  *journal.Commit
	done    chan struct{} // non-nil while processing; closed when that ends
	refused *Error        // set before done is closed, when processing came to nothing
}
