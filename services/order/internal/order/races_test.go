package order

import (
	"testing"

	"orderflow.example/schemas/orderv1"
)

// An expired reservation whose order is then confirmed: inventory reserves again or fails the commit; the expiry
// itself no longer counts.
func TestRaceReservationExpiresAfterConfirmation(t *testing.T) {
	h := after(t, stockReserved(), paymentAuthorized(), reservationExpired())
	if h.Status != Confirmed || h.Step != CommitStock {
		t.Fatalf("the expiry alone must not cancel: %s, %s", h.Status, h.Step)
	}
	again := after(t, stockReserved(), paymentAuthorized(), reservationExpired(), stockCommitted(), paymentCaptured())
	if again.Status != Paid {
		t.Errorf("reserved again: %s", again.Status)
	}
	h.react(t, stockCommitFailed(), noon)
	if h.Status != Cancelled || h.CancelCause != orderv1.CancellationCauseStockCommitFailed || h.Step != ReturnMoney {
		t.Errorf("commit failed: %s, %s, %s", h.Status, h.CancelCause, h.Step)
	}
}

// The expiry wins: the authorisation comes late, is acknowledged in the payment status and voided by payment.
func TestRaceReservationExpiresBeforeAuthorization(t *testing.T) {
	h := after(t, stockReserved(), reservationExpired(), paymentAuthorized())
	if h.Status != Cancelled || h.CancelCause != orderv1.CancellationCauseReservationExpired || h.PaymentStatus != PaymentProcessing {
		t.Fatalf("%s, %s, %s", h.Status, h.CancelCause, h.PaymentStatus)
	}
	h.react(t, voided(), noon)
	if h.PaymentStatus != PaymentCancelled || h.Step != "" {
		t.Errorf("%s, %s", h.PaymentStatus, h.Step)
	}
}

// A cancel while authorisation is under way: whatever becomes of the authorisation, the order stays cancelled, asks
// for no capture, and the payment status ends true.
func TestRaceCancelWhileAuthorizing(t *testing.T) {
	cases := map[string]struct {
		answers []Event
		want    PaymentStatus
	}{
		"voided unseen":          {[]Event{voided()}, PaymentCancelled},
		"authorised, voided":     {[]Event{paymentAuthorized(), voided()}, PaymentCancelled},
		"declined":               {[]Event{paymentDeclined()}, PaymentFailed},
		"declined, then a void":  {[]Event{paymentDeclined(), voided()}, PaymentFailed},
		"authorised, and a hold": {[]Event{stockCommitted(), paymentAuthorized(), voided(), stockReleased()}, PaymentCancelled},
	}
	for name, c := range cases {
		h := cancelledByCustomer(t, after(t, stockReserved()))
		for _, e := range c.answers {
			for _, out := range h.react(t, e, noon) {
				if _, ok := out.(*orderv1.OrderPaymentStatusChanged); !ok {
					t.Errorf("%s: %s led to %s", name, e.RecordName(), out.RecordName())
				}
			}
		}
		if h.Status != Cancelled || h.PaymentStatus != c.want || h.Step != "" {
			t.Errorf("%s: %s, %s, step %q", name, h.Status, h.PaymentStatus, h.Step)
		}
	}
}

// A cancel while the capture is under way: the money that was taken all the same comes back.
func TestRaceCancelWhileCapturing(t *testing.T) {
	h := cancelledByCustomer(t, after(t, stockReserved(), paymentAuthorized(), stockCommitted()))
	for _, step := range []struct {
		in   Event
		want PaymentStatus
	}{{paymentCaptured(), PaymentCompleted}, {refundedAfterCancel(), PaymentRefunded}} {
		h.react(t, step.in, noon)
		if h.Status != Cancelled || h.PaymentStatus != step.want {
			t.Fatalf("after %s: %s, %s", step.in.RecordName(), h.Status, h.PaymentStatus)
		}
	}
	if h.Step != "" {
		t.Errorf("still in %s", h.Step)
	}
}

// A refund asked for twice: the second finds nothing left, before and after the first is paid; the answer, twice, counts once.
func TestRaceRefundAskedTwice(t *testing.T) {
	h := refundAsked(t, moved(t, paid(t), Processing, Shipped), "r1", 2250)
	if _, err := RequestRefund(h.Order, "r2", nil, "", noon); err == nil {
		t.Error("refunded twice while the first was under way")
	}
	h.react(t, refundPaid("r1"), noon)
	if _, err := RequestRefund(h.Order, "r2", nil, "", noon); err == nil {
		t.Error("refunded twice")
	}
	if out := h.react(t, refundPaid("r1"), noon); out != nil || h.RefundedTotal != 2250 {
		t.Errorf("the answer counted twice: %d", h.RefundedTotal)
	}
}

// StockRejected and a user's cancel together: whichever comes first names the cause, and there is one OrderCancelled.
func TestRaceStockRejectedAndCancel(t *testing.T) {
	h := cancelledByCustomer(t, placed(t))
	if out := h.react(t, stockRejected(), noon); out != nil || h.CancelCause != orderv1.CancellationCauseCustomerRequest {
		t.Errorf("cancel first: %s, %v", h.CancelCause, out)
	}
	h = after(t, stockRejected())
	if _, err := Cancel(h.Order, orderv1.CancellationCauseCustomerRequest, "", noon); err == nil {
		t.Error("cancelled twice")
	}
	if h.CancelCause != orderv1.CancellationCauseStockRejected {
		t.Errorf("rejection first: %s", h.CancelCause)
	}
}

// An old event after the order is final: absorbed, whatever it is.
func TestRaceOldEventsAfterTheEnd(t *testing.T) {
	for _, name := range []string{"refunded", "cancelled before any payment", "cancelled and voided", "cancelled and refunded", "declined"} {
		h := states[name](t)
		before := clone(h.Order)
		for _, e := range incoming {
			h.react(t, e, noon)
		}
		if h.Version != before.Version || h.Status != before.Status || h.PaymentStatus != before.PaymentStatus {
			t.Errorf("%s: changed to %s, %s", name, h.Status, h.PaymentStatus)
		}
	}
}
