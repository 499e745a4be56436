package order

import (
	"errors"
	"testing"

	"orderflow.example/kit/errs"
)

func TestRefundsNeverExceedTheTotal(t *testing.T) {
	amount := func(n int64) *int64 { return &n }
	cases := map[string]struct {
		before func(*history)
		amount *int64
		want   int64 // 0: refused
		reason string
	}{
		"whole by default":          {nil, nil, 2250, ""},
		"a part":                    {nil, amount(1), 1, ""},
		"one too many":              {nil, amount(2251), 0, "REFUND_TOO_LARGE"},
		"nothing":                   {nil, amount(0), 0, errs.ReasonInvalidArgument},
		"negative":                  {nil, amount(-5), 0, errs.ReasonInvalidArgument},
		"the rest":                  {func(h *history) { refundAsked(t, h, "r1", 2000) }, nil, 250, ""},
		"more than the rest":        {func(h *history) { refundAsked(t, h, "r1", 2000) }, amount(251), 0, "REFUND_TOO_LARGE"},
		"the whole twice":           {func(h *history) { refundAsked(t, h, "r1", 2250) }, nil, 0, "NOTHING_TO_REFUND"},
		"the same whole sum twice":  {func(h *history) { refundAsked(t, h, "r1", 2250) }, amount(2250), 0, "NOTHING_TO_REFUND"},
		"again after it was failed": {func(h *history) { refundAsked(t, h, "r1", 2250); h.react(t, refundRefused("r1"), noon) }, nil, 2250, ""},
		"the rest after a part was paid": {
			func(h *history) { refundAsked(t, h, "r1", 2000); h.react(t, refundPaid("r1"), noon) }, nil, 250, "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := moved(t, paid(t), Processing, Shipped)
			if c.before != nil {
				c.before(h)
			}
			events, err := RequestRefund(h.Order, "r2", c.amount, "why", noon)
			if c.want == 0 {
				var e *errs.Error
				if !errors.As(err, &e) || e.Reason != c.reason {
					t.Fatalf("got %v, want %s", err, c.reason)
				}
				return
			}
			h.must(t)(events, err)
			if got := h.refund("r2").Amount; got != c.want {
				t.Errorf("refund of %d, want %d", got, c.want)
			}
		})
	}
}

func TestPartRefundsAddUpToRefunded(t *testing.T) {
	h := refundAsked(t, refundAsked(t, moved(t, paid(t), Processing, Shipped), "r1", 1000), "r2", 1250)
	h.react(t, refundPaid("r2"), noon)
	if h.Status != Shipped || h.RefundedTotal != 1250 || h.PaymentStatus != PaymentCompleted {
		t.Errorf("after a part: %s %d %s", h.Status, h.RefundedTotal, h.PaymentStatus)
	}
	h.react(t, refundPaid("r2"), noon)
	if h.RefundedTotal != 1250 {
		t.Errorf("the same refund counted twice: %d", h.RefundedTotal)
	}
	h.react(t, refundPaid("r1"), noon)
	if h.Status != Refunded || h.RefundedTotal != 2250 || h.PaymentStatus != PaymentRefunded {
		t.Errorf("after the whole: %s %d %s", h.Status, h.RefundedTotal, h.PaymentStatus)
	}
}

func TestAnswerToAnUnknownRefund(t *testing.T) {
	h := refundAsked(t, moved(t, paid(t), Processing, Shipped), "r1", 1000)
	for _, e := range []Event{refundPaid("r7"), refundRefused("r7"), refundedAfterCancel(), refundRefusedAfterCancel()} {
		if out := h.react(t, e, noon); out != nil {
			t.Errorf("%s led to %s", e.RecordName(), describe(out, h.Order))
		}
	}
}
