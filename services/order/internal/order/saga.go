package order

import (
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// Step names what an order's saga is doing.
type Step string

// The steps. An order that is in none waits for nobody.
const (
	ReserveStock     Step = "RESERVE_STOCK"
	AuthorizePayment Step = "AUTHORIZE_PAYMENT"
	CommitStock      Step = "COMMIT_STOCK"
	CapturePayment   Step = "CAPTURE_PAYMENT"
	ReturnMoney      Step = "RETURN_MONEY"
	PayRefund        Step = "PAY_REFUND"
)

// saga is the whole of it. A step begins with an own event and is under way while `open` holds; the event of another
// service that it waits for leads to own events; any other event changes nothing (see React).
//
// A step's limit cancels the order as long as nothing is confirmed; the limits of those steps together stay under the
// 15 minutes that a reservation holds. Later limits only alert: from then on only a definite failure or a cancel
// compensates. The compensation is always OrderCancelled: inventory gives back what it holds or took, payment voids or
// refunds, each by itself.
var saga = []rule{
	{
		step: ReserveStock, begins: (*orderv1.OrderPlaced)(nil), open: is(Pending),
		limit: 2 * time.Minute, onLimit: cancels,
		outcomes: []outcome{
			on[*inventoryv1.StockReserved](requestPayment),
			on[*inventoryv1.StockRejected](cancelStockRejected),
			on[*inventoryv1.ReservationExpired](cancelReservationExpired),
		},
	},
	{
		step: AuthorizePayment, begins: (*orderv1.PaymentRequested)(nil), open: is(Pending),
		limit: 8 * time.Minute, onLimit: cancels,
		outcomes: []outcome{
			on[*paymentv1.PaymentAuthorized](confirm),
			on[*paymentv1.PaymentDeclined](cancelPaymentDeclined),
			on[*inventoryv1.ReservationExpired](cancelReservationExpired),
		},
	},
	{
		// A reservation that expired after the confirmation is inventory's to renew: only its answer counts here.
		step: CommitStock, begins: (*orderv1.OrderConfirmed)(nil), open: is(Confirmed),
		limit: 5 * time.Minute, onLimit: alerts,
		outcomes: []outcome{
			on[*inventoryv1.StockCommitted](requestCapture),
			on[*inventoryv1.StockCommitFailed](cancelStockCommitFailed),
		},
	},
	{
		step: CapturePayment, begins: (*orderv1.PaymentCaptureRequested)(nil), open: is(Confirmed),
		limit: 15 * time.Minute, onLimit: alerts,
		outcomes: []outcome{
			on[*paymentv1.PaymentCaptured](markPaid),
			on[*paymentv1.PaymentCaptureFailed](cancelCaptureFailed),
		},
	},
	{
		// After a cancel the payment may still be under way; its status is kept true until the money is back.
		step: ReturnMoney, begins: (*orderv1.OrderCancelled)(nil), open: moneyOut,
		limit: time.Hour, onLimit: alerts,
		outcomes: []outcome{
			on[*paymentv1.PaymentVoided](paymentVoided),
			on[*paymentv1.PaymentRefunded](paymentRefunded),
			on[*paymentv1.PaymentAuthorized](paymentAuthorizedLate),
			on[*paymentv1.PaymentCaptured](paymentCapturedLate),
			on[*paymentv1.PaymentDeclined](paymentDeclinedLate),
			on[*paymentv1.PaymentCaptureFailed](paymentCaptureFailedLate),
		},
	},
	{
		step: PayRefund, begins: (*orderv1.RefundRequested)(nil), open: refundOpen,
		limit: time.Hour, onLimit: alerts,
		outcomes: []outcome{
			on[*paymentv1.PaymentRefunded](completeRefund),
			on[*paymentv1.PaymentRefundFailed](failRefund),
		},
	},
}

// rule is one step of the saga.
type rule struct {
	step     Step
	begins   Event             // the own event that begins it
	open     func(*Order) bool // whether it is still under way
	limit    time.Duration     // default; see Limits
	onLimit  limitAction
	outcomes []outcome
}

type limitAction string

const (
	cancels limitAction = "cancels"
	alerts  limitAction = "alerts"
)

// outcome is an event of another service that the step waits for, and what the order says to it.
type outcome struct {
	event string // full record name
	react func(o *Order, in Event, now time.Time) []Event
}

func on[E Event](react func(o *Order, e E, now time.Time) []Event) outcome {
	var named E
	return outcome{
		event: named.RecordName(),
		react: func(o *Order, in Event, now time.Time) []Event { return react(o, in.(E), now) },
	}
}

func is(status Status) func(*Order) bool { return func(o *Order) bool { return o.Status == status } }

func moneyOut(o *Order) bool { return o.Status == Cancelled && !o.PaymentStatus.Settled() }

func refundOpen(o *Order) bool { return o.openRefund() != nil }

func (s Step) rule() *rule {
	for i := range saga {
		if saga[i].step == s {
			return &saga[i]
		}
	}
	return nil
}

// React decides what another service's event means for the order. It never refuses: an event that the order's step
// does not wait for is late, doubled or of no consequence, and changes nothing. When it took part in a race with a
// cancel, OrderCancelled makes its sender give back what it holds.
func React(o *Order, in Event, now time.Time) []Event {
	current := o.Step.rule()
	if current == nil {
		return nil
	}
	for _, out := range current.outcomes {
		if out.event == in.RecordName() {
			return out.react(o, in, now)
		}
	}
	return nil
}

// followSaga moves the order to the step that the event begins, or out of one that is over.
func (o *Order) followSaga(event Event, at time.Time) {
	for i := range saga {
		if saga[i].begins.RecordName() == event.RecordName() && saga[i].open(o) {
			o.Step, o.StepSince = saga[i].step, at
		}
	}
	if current := o.Step.rule(); current != nil && !current.open(o) {
		o.Step, o.StepSince = "", time.Time{}
	}
	if r := o.openRefund(); r != nil {
		o.StepSince = r.RequestedAt // several refunds may be open: the oldest counts
	}
}
