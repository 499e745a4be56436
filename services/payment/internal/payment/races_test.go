package payment

import (
	"slices"
	"testing"

	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// A cancel while the authorisation is under way: whatever becomes of it, no money stays held.
func TestRaceCancelWhileAuthorizing(t *testing.T) {
	for name, c := range map[string]struct {
		answers []Outcome // of the authorisation, the last one definite
		facts   []string
	}{
		"it succeeds late":         {[]Outcome{succeeded(2250)}, []string{"PaymentAuthorized", "PaymentVoided"}},
		"its answer is lost":       {[]Outcome{unknown, unknown, succeeded(2250)}, []string{"PaymentAuthorized", "PaymentVoided"}},
		"it is declined":           {[]Outcome{refused("card_declined")}, []string{"PaymentDeclined"}},
		"lost, then declined":      {[]Outcome{unknown, refused("card_declined")}, []string{"PaymentDeclined"}},
		"lost, away, then granted": {[]Outcome{unknown, unavailable, paused, succeeded(2250)}, []string{"PaymentAuthorized", "PaymentVoided"}},
	} {
		h := pending(t)
		op := mustNext(t, h)
		h.must(t, cancelled()) // while the call is out
		for _, out := range c.answers {
			if op.Kind != KindAuthorize {
				t.Fatalf("%s: %s while the authorisation is in doubt", name, op.Kind)
			}
			h.settles(t, op, out)
			op, _ = h.Next()
		}
		if op.Kind == KindVoid {
			h.settles(t, op, succeeded(op.Amount))
		}
		if got := h.names(); !slices.Equal(got, c.facts) || h.Held() != 0 || !h.Settled() {
			t.Errorf("%s: %v, %d held", name, got, h.Held())
		}
	}
}

// A cancel of a payment that the provider was never reached for needs no provider: it ends at once.
func TestRaceCancelWhileTheProviderIsAway(t *testing.T) {
	h := pending(t).runs(t, KindAuthorize, unavailable).runs(t, KindAuthorize, paused).must(t, cancelled())
	h.runs(t, KindAbandon, succeeded(0))
	if void := h.events[0].(*paymentv1.PaymentVoided); void.Amount != 0 || h.Status != Voided || !h.Settled() {
		t.Errorf("%+v, %s", void, h.Status)
	}
}

// A cancel while the capture is under way: either the void wins, or what was taken is paid back.
func TestRaceCancelWhileCapturing(t *testing.T) {
	capturing := func() (*history, Operation) {
		h := authorized(t).must(t, captureRequested())
		return h, mustNext(t, h)
	}
	h, op := capturing()
	h.must(t, cancelled())
	h.settles(t, op, succeeded(2250))
	h.runs(t, KindRefund, succeeded(2250))
	if h.Status != Refunded || h.Kept() != 0 || !h.Settled() {
		t.Errorf("the capture wins: %+v", h.Facts)
	}

	h, op = capturing()
	h.settles(t, op, unknown)
	h.must(t, cancelled()).runs(t, KindVoid, overtaken(2250)).runs(t, KindRefund, succeeded(2250))
	if want := []string{"PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"}; !slices.Equal(h.names(), want) || h.Kept() != 0 {
		t.Errorf("the lost capture wins: %v", h.names())
	}

	h, op = capturing()
	h.settles(t, op, unknown)
	h.must(t, cancelled()).runs(t, KindVoid, succeeded(2250))
	if h.Status != Voided || h.Captured != 0 || !h.Settled() {
		t.Errorf("the void wins: %+v", h.Facts)
	}

	h, op = capturing()
	h.must(t, cancelled())
	h.settles(t, op, refused("capture_declined"))
	h.runs(t, KindVoid, succeeded(2250))
	if h.Status != Voided || h.Held() != 0 {
		t.Errorf("the capture fails: %+v", h.Facts)
	}
}

// A refund asked for twice is one refund, before and after it was paid.
func TestRaceRefundAskedForTwice(t *testing.T) {
	h := captured(t).must(t, refundRequested("r1", 1000), refundRequested("r1", 1000))
	h.runs(t, KindRefund, succeeded(1000)).must(t, refundRequested("r1", 1000))
	if h.Refunded != 1000 || len(h.Refunds) != 1 || !h.Settled() {
		t.Errorf("%+v, %+v", h.Facts, h.Refunds)
	}
	again := captured(t).must(t, refundRequested("r1", 9999), refundRequested("r1", 9999))
	if failures := len(again.events) - 2; failures != 1 {
		t.Errorf("one refusal was said %d times", failures)
	}
}

// Two refunds that fit one by one and not together: the sum is checked, so the second fails.
func TestRaceTwoRefunds(t *testing.T) {
	h := captured(t).must(t, refundRequested("r1", 2000), refundRequested("r2", 2000))
	h.runs(t, KindRefund, succeeded(2000))
	if h.Refunded != 2000 || h.refund("r2").Status != RefundFailed || !h.Settled() {
		t.Errorf("%+v, %+v", h.Facts, h.Refunds)
	}
}

// A cancellation while a refund is under way pays back what that refund leaves.
func TestRaceCancelWhileRefunding(t *testing.T) {
	h := captured(t).must(t, refundRequested("r1", 1000))
	op := mustNext(t, h)
	h.must(t, cancelled())
	h.settles(t, op, unknown)
	h.runs(t, KindRefund, succeeded(1000))
	if op := mustNext(t, h); op.RefundID != h.ID || op.Amount != 1250 {
		t.Fatalf("next is %+v", op)
	}
	h.runs(t, KindRefund, succeeded(1250))
	if h.Status != Refunded || h.Kept() != 0 || !h.Settled() {
		t.Errorf("%+v", h.Facts)
	}
}

// An answer that was lost is looked for until it is known: no other operation comes in between, and nothing is said.
func TestRaceLostAnswer(t *testing.T) {
	h := pending(t)
	for range 100 {
		h.runs(t, KindAuthorize, unknown)
	}
	if len(h.events) != 0 || !h.InDoubt || h.Settled() {
		t.Fatalf("%v, %+v", h.names(), h.Work)
	}
	h.runs(t, KindAuthorize, succeeded(2250))
	if h.InDoubt || h.Tries != 0 || h.Status != Authorized {
		t.Errorf("%+v, %s", h.Work, h.Status)
	}
}

// Old events after the payment is final change nothing, in any number and order.
func TestRaceOldEventsAfterTheEnd(t *testing.T) {
	for name, h := range map[string]*history{
		"voided": voided(t), "declined": declined(t), "refunded": refunded(t), "tombstone": tombstone(t),
		"cancelled and refunded": captured(t).must(t, cancelled()).runs(t, KindRefund, succeeded(2250)),
	} {
		facts := h.Facts
		h.must(t, cancelled(), captureRequested(), requested(), cancelled(), requested(), captureRequested())
		if h.Facts != facts || !h.Settled() {
			t.Errorf("%s: %+v", name, h.Facts)
		}
		var none *orderv1.OrderPaid
		if err := h.hear(t, none); err != nil || h.Facts != facts {
			t.Errorf("%s: a foreign event counted", name)
		}
	}
}
