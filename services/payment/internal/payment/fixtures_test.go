package payment

import (
	"time"

	"orderflow.example/schemas/orderv1"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// history is a payment together with the own events that its facts are the fold of, and the ledger that they made.
type history struct {
	*Payment
	events []Event
	ledger map[Account]int64
}

func fresh() *history {
	return &history{Payment: &Payment{OrderID: "o1"}, ledger: map[Account]int64{}}
}

func (h *history) record(t tester, events ...Event) {
	t.Helper()
	for _, e := range events {
		if journal, ok := Book(h.Payment, e); ok {
			h.post(t, journal)
		}
		if err := h.Apply(e); err != nil {
			t.Fatal(err)
		}
		h.events = append(h.events, e)
	}
}

func (h *history) post(t tester, journal Journal) {
	t.Helper()
	var sum int64
	for _, entry := range journal.Entries {
		h.ledger[entry.Account] += entry.Amount
		sum += entry.Amount
	}
	if sum != 0 {
		t.Fatalf("the journal %+v adds up to %d", journal, sum)
	}
}

// hear gives the payment an event of the order service.
func (h *history) hear(t tester, in any) error {
	t.Helper()
	switch e := in.(type) {
	case *orderv1.PaymentRequested:
		return Request(h.Payment, "pay1", e, noon)
	case *orderv1.PaymentCaptureRequested:
		return RequestCapture(h.Payment, e, noon)
	case *orderv1.OrderCancelled:
		h.record(t, Cancel(h.Payment, "pay1", e, noon)...)
	case *orderv1.RefundRequested:
		events, err := RequestRefund(h.Payment, e, noon)
		h.record(t, events...)
		return err
	}
	return nil
}

func (h *history) must(t tester, events ...any) *history {
	t.Helper()
	for _, e := range events {
		if err := h.hear(t, e); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// runs settles the next operation, which must be of the kind, with the outcome.
func (h *history) runs(t tester, kind Kind, out Outcome) *history {
	t.Helper()
	op, ok := h.Next()
	if !ok || op.Kind != kind {
		t.Fatalf("next is %+v, %v: want %s", op, ok, kind)
	}
	h.settles(t, op, out)
	return h
}

func (h *history) settles(t tester, op Operation, out Outcome) {
	t.Helper()
	events, err := Settle(h.Payment, op, out, noon)
	if err != nil {
		t.Fatal(err)
	}
	h.record(t, events...)
}

// names are the short names of the events so far.
func (h *history) names() []string {
	var names []string
	for _, e := range h.events {
		names = append(names, short(e))
	}
	return names
}

func short(e Event) string { return e.RecordName()[len("orderflow.payment.v1."):] }

// What the order service says of order o1, of 2,250 KRW.

func requested() *orderv1.PaymentRequested {
	token := "tok_ok"
	return &orderv1.PaymentRequested{OrderID: "o1", UserID: "u1", Amount: 2250, Currency: "KRW", PaymentToken: &token, OccurredAt: noon}
}

func captureRequested() *orderv1.PaymentCaptureRequested {
	return &orderv1.PaymentCaptureRequested{OrderID: "o1", Amount: 2250, Currency: "KRW", OccurredAt: noon}
}

func cancelled() *orderv1.OrderCancelled {
	return &orderv1.OrderCancelled{OrderID: "o1", UserID: "u1", Total: 2250, Currency: "KRW", OccurredAt: noon}
}

func refundRequested(id string, amount int64) *orderv1.RefundRequested {
	return &orderv1.RefundRequested{OrderID: "o1", RefundID: id, Amount: amount, Currency: "KRW", OccurredAt: noon}
}

// What the provider says.

func succeeded(amount int64) Outcome {
	return Outcome{Result: Succeeded, Provider: "bank", Reference: "pay_1", Amount: amount}
}

func refused(code string) Outcome { return Outcome{Result: Refused, Code: code, Reason: "No."} }

func overtaken(captured int64) Outcome {
	return Outcome{Result: Overtaken, Captured: captured, Code: "invalid_state", Reason: "Too late."}
}

var (
	unknown     = Outcome{Result: Unknown}
	unavailable = Outcome{Result: Unavailable}
	paused      = Outcome{Result: Paused, RetryAfter: 5 * time.Second}
)

// Payments in each state.

func pending(t tester) *history    { return fresh().must(t, requested()) }
func authorized(t tester) *history { return pending(t).runs(t, KindAuthorize, succeeded(2250)) }
func declined(t tester) *history   { return pending(t).runs(t, KindAuthorize, refused("card_declined")) }
func captured(t tester) *history {
	return authorized(t).must(t, captureRequested()).runs(t, KindCapture, succeeded(2250))
}
func captureFailed(t tester) *history {
	return authorized(t).must(t, captureRequested()).runs(t, KindCapture, refused("capture_declined"))
}
func voided(t tester) *history {
	return authorized(t).must(t, cancelled()).runs(t, KindVoid, succeeded(2250))
}
func tombstone(t tester) *history { return fresh().must(t, cancelled()) }
func refunded(t tester) *history {
	return captured(t).must(t, refundRequested("r1", 2250)).runs(t, KindRefund, succeeded(2250))
}
