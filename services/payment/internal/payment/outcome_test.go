package payment

import (
	"slices"
	"testing"
	"time"

	"orderflow.example/schemas/paymentv1"
)

// TestOutcomes is the table of what each outcome of each operation means.
func TestOutcomes(t *testing.T) {
	cancelPending := func(t tester) *history { return pending(t).must(t, cancelled()) }
	cancelInDoubt := func(t tester) *history { return pending(t).runs(t, KindAuthorize, unknown).must(t, cancelled()) }
	capturing := func(t tester) *history { return authorized(t).must(t, captureRequested()) }
	voiding := func(t tester) *history { return authorized(t).must(t, cancelled()) }
	refunding := func(t tester) *history { return captured(t).must(t, refundRequested("r1", 250)) }
	returning := func(t tester) *history { return captured(t).must(t, cancelled()) }
	for _, c := range []struct {
		name   string
		from   func(tester) *history
		kind   Kind
		out    Outcome
		facts  []string
		status Status
		next   Kind
		doubt  bool
	}{
		{"authorised", pending, KindAuthorize, succeeded(2250), []string{"PaymentAuthorized"}, Authorized, "", false},
		{"declined", pending, KindAuthorize, refused("card_declined"), []string{"PaymentDeclined"}, Declined, "", false},
		{"authorisation unknown", pending, KindAuthorize, unknown, nil, Pending, KindAuthorize, true},
		{"authorisation unavailable", pending, KindAuthorize, unavailable, nil, Pending, KindAuthorize, false},
		{"authorisation paused", pending, KindAuthorize, paused, nil, Pending, KindAuthorize, false},
		{"abandoned", cancelPending, KindAbandon, succeeded(0), []string{"PaymentVoided"}, Voided, "", false},
		{"late authorisation", cancelInDoubt, KindAuthorize, succeeded(2250), []string{"PaymentAuthorized"}, Authorized, KindVoid, false},
		{"late decline", cancelInDoubt, KindAuthorize, refused("card_declined"), []string{"PaymentDeclined"}, Declined, "", false},
		{"doubt stays", cancelInDoubt, KindAuthorize, unavailable, nil, Pending, KindAuthorize, true},

		{"captured", capturing, KindCapture, succeeded(2250), []string{"PaymentCaptured"}, Captured, "", false},
		{"capture refused", capturing, KindCapture, refused("capture_declined"), []string{"PaymentCaptureFailed"}, CaptureFailed, "", false},
		{"hold gone at capture", capturing, KindCapture, overtaken(0), []string{"PaymentCaptureFailed", "PaymentVoided"}, Voided, "", false},
		{"capture unknown", capturing, KindCapture, unknown, nil, Authorized, KindCapture, true},
		{"capture unavailable", capturing, KindCapture, unavailable, nil, Authorized, KindCapture, false},

		{"voided", voiding, KindVoid, succeeded(2250), []string{"PaymentVoided"}, Voided, "", false},
		{"void after a failed capture", func(t tester) *history { return captureFailed(t).must(t, cancelled()) },
			KindVoid, succeeded(2250), []string{"PaymentVoided"}, Voided, "", false},
		{"void overtaken by a capture", voiding, KindVoid, overtaken(2250), []string{"PaymentCaptured"}, Captured, KindRefund, false},
		{"void unknown", voiding, KindVoid, unknown, nil, Authorized, KindVoid, true},
		{"void refused", voiding, KindVoid, refused("void_declined"), nil, Authorized, "", false},

		{"part refund", refunding, KindRefund, succeeded(250), []string{"PaymentRefunded"}, Captured, "", false},
		{"refund refused", refunding, KindRefund, refused("refund_declined"), []string{"PaymentRefundFailed"}, Captured, "", false},
		{"refund unknown", refunding, KindRefund, unknown, nil, Captured, KindRefund, true},
		{"all returned", returning, KindRefund, succeeded(2250), []string{"PaymentRefunded"}, Refunded, "", false},
		{"return refused", returning, KindRefund, refused("refund_declined"), []string{"PaymentRefundFailed"}, Captured, "", false},
	} {
		h := c.from(t)
		before := len(h.events)
		h.runs(t, c.kind, c.out)
		var next Kind
		if op, ok := h.Next(); ok {
			next = op.Kind
		}
		if facts := h.names()[before:]; !slices.Equal(facts, c.facts) || h.Status != c.status || next != c.next || h.InDoubt != c.doubt {
			t.Errorf("%s: facts %v, %s, next %q, in doubt %v", c.name, facts, h.Status, next, h.InDoubt)
		}
	}
}

func TestARefusedVoidNeedsAPerson(t *testing.T) {
	h := authorized(t).must(t, cancelled()).runs(t, KindVoid, refused("void_declined"))
	if h.Settled() || h.BlockedCode != "void_declined" || h.BlockedReason == "" || h.Held() != 2250 {
		t.Errorf("%+v", h.Payment)
	}
}

func TestARefusedReturnNeedsAPerson(t *testing.T) {
	h := captured(t).must(t, cancelled()).runs(t, KindRefund, refused("refund_declined"))
	if _, more := h.Next(); more || h.Settled() || h.Kept() != 2250 {
		t.Errorf("%+v", h.Payment)
	}
	asked := captured(t).must(t, refundRequested("r1", 250)).runs(t, KindRefund, refused("refund_declined"))
	if !asked.Settled() {
		t.Error("a refund that staff asked for and that failed is over")
	}
}

func TestKeysAreStable(t *testing.T) {
	for want, h := range map[string]*history{
		"pay1:authorize":   pending(t),
		"pay1:capture":     authorized(t).must(t, captureRequested()),
		"pay1:void":        authorized(t).must(t, cancelled()),
		"pay1:refund:r1":   captured(t).must(t, refundRequested("r1", 1)),
		"pay1:refund:pay1": captured(t).must(t, cancelled()),
	} {
		for range 3 {
			if op, _ := h.Next(); op.Key != want {
				t.Errorf("key %q, want %q", op.Key, want)
			}
			h.runs(t, mustNext(t, h).Kind, unknown)
		}
	}
}

func mustNext(t tester, h *history) Operation {
	t.Helper()
	op, ok := h.Next()
	if !ok {
		t.Fatal("nothing to do")
	}
	return op
}

// An outcome of an operation that can't have been under way is a fault of ours, and changes nothing.
func TestSettleRefusesWhatCannotHaveRun(t *testing.T) {
	for name, c := range map[string]struct {
		h  *history
		op Operation
	}{
		"authorise twice": {authorized(t), Operation{Kind: KindAuthorize}},
		"capture twice":   {captured(t), Operation{Kind: KindCapture}},
		"void of nothing": {captured(t), Operation{Kind: KindVoid}},
		"refund twice":    {refundedOnce(t), Operation{Kind: KindRefund, RefundID: "r1"}},
		"abandon late":    {authorized(t), Operation{Kind: KindAbandon}},
		"unknown kind":    {pending(t), Operation{Kind: "steal"}},
	} {
		before := *c.h.Payment
		if events, err := Settle(c.h.Payment, c.op, succeeded(2250), noon); err == nil || len(events) > 0 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
		if c.h.Facts != before.Facts || c.h.Work != before.Work {
			t.Errorf("%s: it changed the payment", name)
		}
	}
}

func refundedOnce(t tester) *history {
	return captured(t).must(t, refundRequested("r1", 250)).runs(t, KindRefund, succeeded(250))
}

func TestPartCaptureLetsTheRestGo(t *testing.T) {
	part := captureRequested()
	part.Amount = 2000
	h := authorized(t).must(t, part).runs(t, KindCapture, succeeded(2000))
	if h.Captured != 2000 || h.Voided != 250 || h.Held() != 0 || !h.Settled() {
		t.Errorf("%+v", h.Facts)
	}
	if h.ledger[Holds] != 0 || h.ledger[Merchant] != 2000 || h.ledger[Customer] != -2000 {
		t.Errorf("ledger %v", h.ledger)
	}
}

func TestTheTokenIsForgotten(t *testing.T) {
	if p := pending(t); p.Token != "tok_ok" {
		t.Errorf("token %q before the decision", p.Token)
	}
	for _, h := range []*history{authorized(t), declined(t)} {
		if h.Token != "" {
			t.Errorf("%s: the token is kept", h.Status)
		}
	}
}

func TestFacts(t *testing.T) {
	auth := authorized(t).events[0].(*paymentv1.PaymentAuthorized)
	if *auth != (paymentv1.PaymentAuthorized{OrderID: "o1", PaymentID: "pay1", Amount: 2250, Currency: "KRW",
		Provider: "bank", ProviderReference: "pay_1", OccurredAt: noon}) {
		t.Errorf("%+v", auth)
	}
	capt := captured(t).events[1].(*paymentv1.PaymentCaptured)
	if capt.ProviderReference != "pay_1" || capt.Amount != 2250 {
		t.Errorf("%+v", capt)
	}
	part := refundedOnce(t).must(t, refundRequested("r2", 2000)).runs(t, KindRefund, succeeded(2000))
	last := part.events[len(part.events)-1].(*paymentv1.PaymentRefunded)
	if *last.RefundID != "r2" || last.Amount != 2000 || last.RefundedTotal != 2250 || part.Status != Refunded {
		t.Errorf("%+v, %s", last, part.Status)
	}
	returned := captured(t).must(t, cancelled()).runs(t, KindRefund, succeeded(2250))
	if last := returned.events[2].(*paymentv1.PaymentRefunded); last.RefundID != nil || last.RefundedTotal != 2250 {
		t.Errorf("a cancellation's refund: %+v", last)
	}
}

// While the provider is left alone because of other payments' failures, this one's tries do not add up: it comes back
// after the pause each time, and its own first failure costs it a second.
func TestAPauseIsNoTry(t *testing.T) {
	h := pending(t)
	for range 20 {
		h.runs(t, KindAuthorize, paused)
		if got := h.RetryIn(paused); got < 5*time.Second || got > 5*time.Second*5/4 {
			t.Fatalf("paused: again in %s, want about 5 s", got)
		}
	}
	h.runs(t, KindAuthorize, unavailable)
	if got := h.RetryIn(unavailable); got < time.Second || got > 5*time.Second/4 {
		t.Errorf("first failure: again in %s, want about 1 s", got)
	}
	h.runs(t, KindAuthorize, paused)
	if got := h.RetryIn(unavailable); got > 5*time.Second/4 {
		t.Errorf("a pause after it makes the next wait %s, want about 1 s", got)
	}
}

func TestRetryIn(t *testing.T) {
	h := pending(t)
	near := func(got, want time.Duration) bool { return got >= want && got < want+want/4+1 }
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		h.runs(t, KindAuthorize, unknown)
		if got := h.RetryIn(unknown); !near(got, want*time.Second) {
			t.Errorf("after try %d: %s, want about %d s", i+1, got, want)
		}
	}
	for name, c := range map[string]struct {
		tries int
		out   Outcome
		want  time.Duration
	}{
		"definite":         {3, succeeded(1), 0},
		"paused":           {0, paused, 5 * time.Second},
		"paused, no wish":  {0, Outcome{Result: Paused}, time.Second},
		"wish is longer":   {1, Outcome{Result: Unavailable, RetryAfter: 20 * time.Second}, 20 * time.Second},
		"wish is shorter":  {3, Outcome{Result: Unavailable, RetryAfter: time.Second}, 4 * time.Second},
		"wish is too long": {1, Outcome{Result: Unavailable, RetryAfter: 24 * time.Hour}, 5 * time.Minute},
		"many tries":       {1000, unknown, time.Minute},
	} {
		p := Payment{OrderID: "o1", Work: Work{Tries: c.tries}}
		if got := p.RetryIn(c.out); !near(got, c.want) {
			t.Errorf("%s: %s, want about %s", name, got, c.want)
		}
	}
	different := map[time.Duration]bool{}
	for _, id := range []string{"o1", "o2", "o3", "o4"} {
		different[(&Payment{OrderID: id, Work: Work{Tries: 1}}).RetryIn(unknown)] = true
	}
	if len(different) < 3 {
		t.Errorf("the retries of four payments come at %d instants", len(different))
	}
}
