package simulator

import (
	"crypto/rand"
	"time"
)

// Event is the body of a webhook: what has become of one operation.
type Event struct {
	ID        string    `json:"id"` // the same at each delivery
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	Data      EventData `json:"data"`
}

// EventData names the operation and what it is about. Amount is what was moved or, of a failure, asked for.
type EventData struct {
	IdempotencyKey string `json:"idempotency_key"`
	Reference      string `json:"reference"`
	PaymentID      string `json:"payment_id"` // empty when an authorisation was declined
	RefundID       string `json:"refund_id"`
	Amount         int64  `json:"amount"`
	Currency       string `json:"currency"`
	Error          *Error `json:"error,omitempty"`
}

// eventTypes are those of an operation that succeeded, and of one that was declined.
var eventTypes = map[string][2]string{
	KindAuthorize: {"payment.authorized", "payment.declined"},
	KindCapture:   {"payment.captured", "payment.capture_failed"},
	KindVoid:      {"payment.voided", "payment.void_failed"},
	KindRefund:    {"payment.refunded", "payment.refund_failed"},
}

func newEventID() string { return "evt_" + rand.Text() }

// event is what an entry that was just applied tells; the caller holds mu.
func (b *bank) event(e entry) Event {
	out := Event{ID: e.EventID, Type: eventTypes[e.Request.Kind][0], CreatedAt: e.At, Data: EventData{
		IdempotencyKey: e.Key, Reference: e.Request.Reference, PaymentID: e.PaymentID, RefundID: e.RefundID,
		Amount: e.Request.Amount, Currency: e.Request.Currency, Error: e.Declined,
	}}
	if e.Declined != nil {
		out.Type = eventTypes[e.Request.Kind][1]
	}
	if p, ok := b.payments[e.PaymentID]; ok {
		out.Data.Reference, out.Data.Currency = p.Reference, p.Currency
		if e.Request.Kind == KindVoid {
			out.Data.Amount = p.Amount
		}
	}
	return out
}
