package order

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// states builds an order in every state that the saga tells apart.
var states = map[string]func(tester) *history{
	"reserving":   placed,
	"authorizing": func(t tester) *history { return after(t, stockReserved()) },
	"committing":  func(t tester) *history { return after(t, stockReserved(), paymentAuthorized()) },
	"capturing": func(t tester) *history {
		return after(t, stockReserved(), paymentAuthorized(), stockCommitted())
	},
	"paid":       paid,
	"processing": func(t tester) *history { return moved(t, paid(t), Processing) },
	"shipped":    func(t tester) *history { return moved(t, paid(t), Processing, Shipped) },
	"delivered":  func(t tester) *history { return moved(t, paid(t), Processing, Shipped, Delivered) },
	"part refund asked": func(t tester) *history {
		return refundAsked(t, moved(t, paid(t), Processing, Shipped), "r1", 1000)
	},
	"whole refund asked": func(t tester) *history {
		return refundAsked(t, moved(t, paid(t), Processing, Shipped, Delivered), "r1", 2250)
	},
	"refunded": func(t tester) *history {
		h := refundAsked(t, moved(t, paid(t), Processing, Shipped), "r1", 2250)
		h.react(t, refundPaid("r1"), noon)
		return h
	},
	"cancelled before any payment": func(t tester) *history { return cancelledByCustomer(t, placed(t)) },
	"cancelled while authorizing": func(t tester) *history {
		return cancelledByCustomer(t, after(t, stockReserved()))
	},
	"cancelled while authorized": func(t tester) *history {
		return cancelledByCustomer(t, after(t, stockReserved(), paymentAuthorized()))
	},
	"cancelled while capturing": func(t tester) *history {
		return cancelledByCustomer(t, after(t, stockReserved(), paymentAuthorized(), stockCommitted()))
	},
	"cancelled after capture": func(t tester) *history { return cancelledByCustomer(t, paid(t)) },
	"cancelled and voided": func(t tester) *history {
		h := cancelledByCustomer(t, after(t, stockReserved(), paymentAuthorized()))
		h.react(t, voided(), noon)
		return h
	},
	"cancelled and refunded": func(t tester) *history {
		h := cancelledByCustomer(t, paid(t))
		h.react(t, refundedAfterCancel(), noon)
		return h
	},
	"declined": func(t tester) *history { return after(t, stockReserved(), paymentDeclined()) },
}

// incoming is every event of another service that concerns an order.
var incoming = map[string]Event{
	"StockReserved": stockReserved(), "StockRejected": stockRejected(), "ReservationExpired": reservationExpired(),
	"StockCommitted": stockCommitted(), "StockCommitFailed": stockCommitFailed(),
	"StockReleased": stockReleased(), "StockReturned": stockReturned(),
	"PaymentAuthorized": paymentAuthorized(), "PaymentDeclined": paymentDeclined(),
	"PaymentCaptured": paymentCaptured(), "PaymentCaptureFailed": paymentCaptureFailed(),
	"PaymentVoided": voided(), "PaymentRefunded": refundedAfterCancel(), "PaymentRefunded r1": refundPaid("r1"),
	"PaymentRefundFailed": refundRefusedAfterCancel(), "PaymentRefundFailed r1": refundRefused("r1"),
}

// answers is what each event leads to in each state: own events, then status/payment/step. Every pair that is not here
// changes nothing.
var answers = map[string]map[string]string{
	"reserving": {
		"StockReserved":      "PaymentRequested => PENDING/PENDING/AUTHORIZE_PAYMENT",
		"StockRejected":      "OrderCancelled => CANCELLED/CANCELLED/",
		"ReservationExpired": "OrderCancelled => CANCELLED/CANCELLED/",
	},
	"authorizing": {
		"PaymentAuthorized":  "OrderConfirmed => CONFIRMED/PROCESSING/COMMIT_STOCK",
		"PaymentDeclined":    "OrderCancelled => CANCELLED/FAILED/",
		"ReservationExpired": "OrderCancelled => CANCELLED/PENDING/RETURN_MONEY",
	},
	"committing": {
		"StockCommitted":    "PaymentCaptureRequested => CONFIRMED/PROCESSING/CAPTURE_PAYMENT",
		"StockCommitFailed": "OrderCancelled => CANCELLED/PROCESSING/RETURN_MONEY",
	},
	"capturing": {
		"PaymentCaptured":      "OrderPaid => PAID/COMPLETED/",
		"PaymentCaptureFailed": "OrderCancelled => CANCELLED/FAILED/",
	},
	"part refund asked": {
		"PaymentRefunded r1":     "RefundCompleted => SHIPPED/COMPLETED/",
		"PaymentRefundFailed r1": "RefundFailed => SHIPPED/COMPLETED/",
	},
	"whole refund asked": {
		"PaymentRefunded r1":     "RefundCompleted OrderRefunded => REFUNDED/REFUNDED/",
		"PaymentRefundFailed r1": "RefundFailed => DELIVERED/COMPLETED/",
	},
	"cancelled while authorizing": {
		"PaymentAuthorized": "OrderPaymentStatusChanged => CANCELLED/PROCESSING/RETURN_MONEY",
		"PaymentDeclined":   "OrderPaymentStatusChanged => CANCELLED/FAILED/",
		"PaymentVoided":     "OrderPaymentStatusChanged => CANCELLED/CANCELLED/",
		// An order with a payment that was never authorised can't fail its capture, but a refusal is a refusal.
		"PaymentCaptureFailed": "OrderPaymentStatusChanged => CANCELLED/FAILED/",
	},
	"cancelled while authorized": {
		"PaymentVoided":        "OrderPaymentStatusChanged => CANCELLED/CANCELLED/",
		"PaymentCaptured":      "OrderPaymentStatusChanged => CANCELLED/COMPLETED/RETURN_MONEY",
		"PaymentDeclined":      "OrderPaymentStatusChanged => CANCELLED/FAILED/",
		"PaymentCaptureFailed": "OrderPaymentStatusChanged => CANCELLED/FAILED/",
	},
	"cancelled while capturing": {
		"PaymentVoided":        "OrderPaymentStatusChanged => CANCELLED/CANCELLED/",
		"PaymentCaptured":      "OrderPaymentStatusChanged => CANCELLED/COMPLETED/RETURN_MONEY",
		"PaymentDeclined":      "OrderPaymentStatusChanged => CANCELLED/FAILED/",
		"PaymentCaptureFailed": "OrderPaymentStatusChanged => CANCELLED/FAILED/",
	},
	"cancelled after capture": {
		"PaymentRefunded": "OrderPaymentStatusChanged => CANCELLED/REFUNDED/",
	},
}

func TestEveryEventInEveryState(t *testing.T) {
	for name, build := range states {
		for eventName, event := range incoming {
			t.Run(name+"/"+eventName, func(t *testing.T) {
				h := build(t)
				before := clone(h.Order)
				got := describe(h.react(t, event, noon), h.Order)
				want, listed := answers[name][eventName]
				if !listed {
					want = describe(nil, before)
				}
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if !listed && h.Version != before.Version {
					t.Errorf("an event of no consequence changed the order's version")
				}
			})
		}
	}
}

func TestTableSpeaksOfKnownStatesAndEvents(t *testing.T) {
	for state, row := range answers {
		if states[state] == nil {
			t.Errorf("no state %q", state)
		}
		for event := range row {
			if incoming[event] == nil {
				t.Errorf("no event %q", event)
			}
		}
	}
	known := map[string]bool{}
	for _, e := range incoming {
		known[e.RecordName()] = true
	}
	for _, name := range reactions() {
		if !known[name] {
			t.Errorf("the saga waits for %s, which no test sends", name)
		}
	}
	for name := range paymentv1.Events {
		if !known[name] {
			t.Errorf("no test sends %s", name)
		}
	}
	aboutProducts := []string{
		(*inventoryv1.ProductChanged)(nil).RecordName(), (*inventoryv1.StockAdjusted)(nil).RecordName(), (*inventoryv1.LowStock)(nil).RecordName(),
	}
	for name := range inventoryv1.Events {
		if !known[name] && !slices.Contains(aboutProducts, name) {
			t.Errorf("no test sends %s", name)
		}
	}
}

func TestDuplicatesChangeNothing(t *testing.T) {
	for name, build := range states {
		for eventName, event := range incoming {
			h := build(t)
			h.react(t, event, noon)
			if again := h.react(t, event, noon); again != nil {
				t.Errorf("%s: %s a second time led to %s", name, eventName, describe(again, h.Order))
			}
		}
	}
}

func TestTimeLimits(t *testing.T) {
	cases := map[string]string{
		"reserving":   "OrderCancelled => CANCELLED/CANCELLED/",
		"authorizing": "OrderCancelled => CANCELLED/PENDING/RETURN_MONEY",
	}
	for name, build := range states {
		h := build(t)
		want := cases[name]
		if want == "" {
			want = describe(nil, h.Order)
		}
		if early := PassLimit(h.Order, noon.Add(-time.Microsecond), noon); early != nil {
			t.Errorf("%s: cancelled although the step began later", name)
		}
		out := PassLimit(h.Order, noon, noon.Add(time.Hour))
		h.record(t, out...)
		if got := describe(out, h.Order); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	h := placed(t)
	h.record(t, PassLimit(h.Order, noon, noon.Add(2*time.Minute))...)
	if h.CancelCause != orderv1.CancellationCauseTimeLimit {
		t.Errorf("cause %s", h.CancelCause)
	}
}

func TestLimitsStayUnderTheReservation(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	tooLong := DefaultLimits()
	tooLong[AuthorizePayment] += time.Second
	if err := tooLong.Validate(); err == nil || !strings.Contains(err.Error(), "10m0s") {
		t.Errorf("limits of more than 10 minutes before the confirmation: %v", err)
	}
	for step := range DefaultLimits() {
		none := DefaultLimits()
		none[step] = 0
		if err := none.Validate(); err == nil || !strings.Contains(err.Error(), string(step)) {
			t.Errorf("no limit for %s: %v", step, err)
		}
	}
	if got := slices.Concat(CancellingSteps(), AlertingSteps()); len(got) != len(saga) {
		t.Errorf("steps with a limit: %v", got)
	}
	if !slices.Equal(CancellingSteps(), []Step{ReserveStock, AuthorizePayment}) {
		t.Errorf("only steps before the confirmation may cancel: %v", CancellingSteps())
	}
}

func TestAwaits(t *testing.T) {
	if got := CommitStock.Awaits(); got != "StockCommitted or StockCommitFailed" {
		t.Error(got)
	}
	if got := Step("").Awaits(); got != "" {
		t.Error(got)
	}
}

func TestStepRemembersWhenItBegan(t *testing.T) {
	h := placed(t)
	later := noon.Add(3 * time.Second)
	h.react(t, stockReserved(), later)
	if h.Step != AuthorizePayment || !h.StepSince.Equal(later) {
		t.Errorf("%s since %s", h.Step, h.StepSince)
	}
	h = moved(t, paid(t), Processing, Shipped)
	for i, id := range []string{"r1", "r2"} {
		amount := int64(100)
		h.must(t)(RequestRefund(h.Order, id, &amount, "", noon.Add(time.Duration(i+1)*time.Minute)))
	}
	if !h.StepSince.Equal(noon.Add(time.Minute)) {
		t.Errorf("two refunds open: since %s", h.StepSince)
	}
	h.react(t, refundPaid("r1"), noon.Add(time.Hour))
	if h.Step != PayRefund || !h.StepSince.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("one refund open: %s since %s", h.Step, h.StepSince)
	}
	h.react(t, refundRefused("r2"), noon.Add(time.Hour))
	if h.Step != "" || !h.StepSince.IsZero() {
		t.Errorf("no refund open: %s since %s", h.Step, h.StepSince)
	}
}

func describe(events []Event, o *Order) string {
	names := make([]string, 0, len(events))
	for _, e := range events {
		full := e.RecordName()
		names = append(names, full[strings.LastIndexByte(full, '.')+1:])
	}
	return strings.Join(names, " ") + " => " + string(o.Status) + "/" + string(o.PaymentStatus) + "/" + string(o.Step)
}

func clone(o *Order) *Order {
	c := *o
	c.Items, c.Refunds = slices.Clone(o.Items), slices.Clone(o.Refunds)
	return &c
}

func TestEveryStateIsInTheTable(t *testing.T) {
	seen := map[Status]bool{}
	steps := map[Step]bool{}
	for _, build := range states {
		h := build(t)
		seen[h.Status], steps[h.Step] = true, true
	}
	for _, s := range statuses {
		if !seen[s] {
			t.Errorf("no state with status %s", s)
		}
	}
	for step := range maps.Keys(DefaultLimits()) {
		if !steps[step] {
			t.Errorf("no state in step %s", step)
		}
	}
}
