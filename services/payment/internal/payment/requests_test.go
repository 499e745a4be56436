package payment

import (
	"testing"

	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// TestRequests is the table of what the order service asks for: each event in each state.
func TestRequests(t *testing.T) {
	type cell struct {
		desired Status // afterwards
		next    Kind   // the operation that follows; empty: none
		event   string // the fact that follows at once; empty: none
		refused bool   // the event makes no sense
	}
	states := []struct {
		name                              string
		make                              func(tester) *history
		request, capture, cancel, refunds cell
	}{
		{"none", func(tester) *history { return fresh() },
			cell{Authorized, KindAuthorize, "", false}, cell{None, "", "", true}, cell{Voided, "", "PaymentVoided", false}, cell{None, "", "", true}},
		{"pending", pending,
			cell{Authorized, KindAuthorize, "", false}, cell{Captured, KindAuthorize, "", false}, cell{Voided, KindAbandon, "", false}, cell{Authorized, KindAuthorize, "PaymentRefundFailed", false}},
		{"pending in doubt", func(t tester) *history { return pending(t).runs(t, KindAuthorize, unknown) },
			cell{Authorized, KindAuthorize, "", false}, cell{Captured, KindAuthorize, "", false}, cell{Voided, KindAuthorize, "", false}, cell{Authorized, KindAuthorize, "PaymentRefundFailed", false}},
		{"authorized", authorized,
			cell{Authorized, "", "", false}, cell{Captured, KindCapture, "", false}, cell{Voided, KindVoid, "", false}, cell{Authorized, "", "PaymentRefundFailed", false}},
		{"declined", declined,
			cell{Authorized, "", "", false}, cell{Authorized, "", "", false}, cell{Authorized, "", "", false}, cell{Authorized, "", "PaymentRefundFailed", false}},
		{"captured", captured,
			cell{Captured, "", "", false}, cell{Captured, "", "", false}, cell{Voided, KindRefund, "", false}, cell{Captured, KindRefund, "", false}},
		{"capture failed", captureFailed,
			cell{Captured, "", "", false}, cell{Captured, "", "", false}, cell{Voided, KindVoid, "", false}, cell{Captured, "", "PaymentRefundFailed", false}},
		{"voided", voided,
			cell{Voided, "", "", false}, cell{Voided, "", "", false}, cell{Voided, "", "", false}, cell{Voided, "", "PaymentRefundFailed", false}},
		{"tombstone", tombstone,
			cell{Voided, "", "", false}, cell{Voided, "", "", false}, cell{Voided, "", "", false}, cell{Voided, "", "PaymentRefundFailed", false}},
		{"refunded", refunded,
			cell{Captured, "", "", false}, cell{Captured, "", "", false}, cell{Captured, "", "", false}, cell{Captured, "", "PaymentRefundFailed", false}},
	}
	for _, state := range states {
		for in, want := range map[any]cell{
			requested(): state.request, captureRequested(): state.capture, cancelled(): state.cancel, refundRequested("r2", 250): state.refunds,
		} {
			h := state.make(t)
			before := len(h.events)
			err := h.hear(t, in)
			got := cell{desired: h.Desired, refused: err != nil}
			if op, ok := h.Next(); ok {
				got.next = op.Kind
			}
			if facts := h.names()[before:]; len(facts) > 0 {
				got.event = facts[0]
			}
			if got != want {
				t.Errorf("%s, %T: got %+v, want %+v", state.name, in, got, want)
			}
		}
	}
}

func TestTombstoneAbsorbsTheRequestBehindIt(t *testing.T) {
	h := tombstone(t).must(t, requested(), captureRequested())
	if h.Status != Voided || h.Held() != 0 || !h.Settled() {
		t.Errorf("%+v", h.Payment)
	}
	if void := h.events[0].(*paymentv1.PaymentVoided); void.Amount != 0 || void.Currency != "KRW" || void.PaymentID != "pay1" {
		t.Errorf("%+v", void)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	free, foreign, tooMuch, nothing := requested(), captureRequested(), captureRequested(), captureRequested()
	free.Amount, foreign.Currency, tooMuch.Amount, nothing.Amount = 0, "USD", 2251, 0
	for name, c := range map[string]struct {
		h  *history
		in any
	}{
		"payment of nothing":    {fresh(), free},
		"capture in dollars":    {authorized(t), foreign},
		"capture of too much":   {authorized(t), tooMuch},
		"capture of nothing":    {authorized(t), nothing},
		"refund without id":     {captured(t), refundRequested("", 1)},
		"refund with our own":   {captured(t), refundRequested("pay1", 1)},
		"refund before payment": {fresh(), refundRequested("r1", 1)},
	} {
		before := *c.h.Payment
		if err := c.h.hear(t, c.in); err == nil {
			t.Errorf("%s: not refused", name)
		}
		if c.h.Desired != before.Desired || c.h.Status != before.Status || len(c.h.Refunds) != len(before.Refunds) {
			t.Errorf("%s: it changed the payment", name)
		}
	}
}

func TestRefundFaults(t *testing.T) {
	dollars := refundRequested("r2", 250)
	dollars.Currency = "USD"
	for _, c := range []struct {
		name string
		h    *history
		in   *orderv1.RefundRequested
		code string
	}{
		{"other currency", captured(t), dollars, "currency_mismatch"},
		{"nothing", captured(t), refundRequested("r2", 0), "invalid_amount"},
		{"negative", captured(t), refundRequested("r2", -1), "invalid_amount"},
		{"before the capture", authorized(t), refundRequested("r2", 1), "nothing_captured"},
		{"more than all", captured(t), refundRequested("r2", 2251), "refund_too_large"},
		{"more than is left", captured(t).must(t, refundRequested("r1", 2000)), refundRequested("r2", 251), "refund_too_large"},
		{"after a cancellation", captured(t).must(t, cancelled()), refundRequested("r2", 1), "order_cancelled"},
		{"after all of it", refunded(t), refundRequested("r2", 1), "refund_too_large"},
	} {
		c.h.must(t, c.in)
		failed, ok := c.h.events[len(c.h.events)-1].(*paymentv1.PaymentRefundFailed)
		if !ok || failed.Code != c.code || failed.Reason == "" || *failed.RefundID != "r2" || failed.Amount != c.in.Amount {
			t.Errorf("%s: %+v", c.name, c.h.events[len(c.h.events)-1])
		}
		if r := c.h.refund("r2"); r == nil || r.Status != RefundFailed || r.FailureCode != c.code {
			t.Errorf("%s: the refund is %+v", c.name, r)
		}
	}
}

// A refund that failed gives its sum free again; one under way does not.
func TestRefundable(t *testing.T) {
	h := captured(t).must(t, refundRequested("r1", 2000))
	if left := h.Refundable(); left != 250 {
		t.Errorf("%d left", left)
	}
	h.runs(t, KindRefund, refused("refund_declined"))
	if left := h.Refundable(); left != 2250 {
		t.Errorf("%d left after the failure", left)
	}
}

func TestApplyRefusesForeignEvents(t *testing.T) {
	if err := (&Payment{}).Apply(&orderv1.OrderPaid{}); err == nil {
		t.Error("applied")
	}
}
