package order

import (
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

var catalogue = map[string]Product{
	"p1": {ID: "p1", SKU: "S1", Name: "Tea", Price: 1000, Currency: "KRW", Version: 1},
	"p2": {ID: "p2", SKU: "S2", Name: "Cup", Price: 250, Currency: "KRW", Version: 3},
	"p3": {ID: "p3", SKU: "S3", Name: "Old cup", Price: 250, Currency: "KRW", Version: 9, Archived: true},
	"p4": {ID: "p4", SKU: "S4", Name: "Teapot", Price: 4000, Currency: "USD", Version: 1},
	"p5": {ID: "p5", SKU: "S5", Name: "Palace", Price: 1 << 60, Currency: "KRW", Version: 1},
}

// placement is a valid one of 2,250 KRW.
func placement() Placement {
	return Placement{
		ID: "o1", Nonce: 0xBEEF, UserID: "u1", CustomerName: "Kim", CustomerEmail: "kim@example.com",
		Items: []Line{{ProductID: "p1", Quantity: 2}, {ProductID: "p2", Quantity: 1}},
		Notes: "ring twice", PaymentToken: "tok_ok",
	}
}

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
}

// history is an order together with the own events that it is the fold of.
type history struct {
	*Order
	events []Event
}

func (h *history) record(t tester, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := h.Apply(e); err != nil {
			t.Fatal(err)
		}
		h.events = append(h.events, e)
	}
}

func (h *history) react(t tester, in Event, now time.Time) []Event {
	t.Helper()
	out := React(h.Order, in, now)
	h.record(t, out...)
	return out
}

func (h *history) must(t tester) func(events []Event, err error) {
	return func(events []Event, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		h.record(t, events...)
	}
}

func placed(t tester) *history {
	t.Helper()
	event, err := Place(placement(), catalogue, noon)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{Order: New(placement())}
	h.record(t, event)
	return h
}

// What the other services say about order o1, of 2,250 KRW.
func stockReserved() Event {
	return &inventoryv1.StockReserved{OrderID: "o1", ExpiresAt: noon.Add(15 * time.Minute), OccurredAt: noon}
}
func stockRejected() Event {
	return &inventoryv1.StockRejected{OrderID: "o1", Reason: "sold out", OccurredAt: noon}
}
func reservationExpired() Event {
	return &inventoryv1.ReservationExpired{OrderID: "o1", OccurredAt: noon}
}
func stockCommitted() Event { return &inventoryv1.StockCommitted{OrderID: "o1", OccurredAt: noon} }
func stockCommitFailed() Event {
	return &inventoryv1.StockCommitFailed{OrderID: "o1", Reason: "gone", OccurredAt: noon}
}
func stockReleased() Event { return &inventoryv1.StockReleased{OrderID: "o1", OccurredAt: noon} }
func stockReturned() Event { return &inventoryv1.StockReturned{OrderID: "o1", OccurredAt: noon} }
func paymentAuthorized() Event {
	return &paymentv1.PaymentAuthorized{OrderID: "o1", PaymentID: "pay1", Amount: 2250, Currency: "KRW", OccurredAt: noon}
}
func paymentDeclined() Event {
	return &paymentv1.PaymentDeclined{OrderID: "o1", PaymentID: "pay1", Reason: "no funds", OccurredAt: noon}
}
func paymentCaptured() Event {
	return &paymentv1.PaymentCaptured{OrderID: "o1", PaymentID: "pay1", ProviderReference: "ref1", Amount: 2250, OccurredAt: noon}
}
func paymentCaptureFailed() Event {
	return &paymentv1.PaymentCaptureFailed{OrderID: "o1", PaymentID: "pay1", Reason: "hold lost", OccurredAt: noon}
}
func voided() Event {
	return &paymentv1.PaymentVoided{OrderID: "o1", PaymentID: "pay1", Amount: 2250, OccurredAt: noon}
}

// refundedAfterCancel is the answer to a cancellation, refundPaid to the refund of that id.
func refundedAfterCancel() Event {
	return &paymentv1.PaymentRefunded{OrderID: "o1", PaymentID: "pay1", Amount: 2250, RefundedTotal: 2250, OccurredAt: noon}
}
func refundPaid(id string) Event {
	return &paymentv1.PaymentRefunded{OrderID: "o1", PaymentID: "pay1", RefundID: &id, OccurredAt: noon}
}
func refundRefused(id string) Event {
	return &paymentv1.PaymentRefundFailed{OrderID: "o1", PaymentID: "pay1", RefundID: &id, Reason: "account closed", OccurredAt: noon}
}
func refundRefusedAfterCancel() Event {
	return &paymentv1.PaymentRefundFailed{OrderID: "o1", PaymentID: "pay1", Reason: "account closed", OccurredAt: noon}
}

// after is a placed order to which the others' events then happened.
func after(t tester, in ...Event) *history {
	t.Helper()
	h := placed(t)
	for _, e := range in {
		h.react(t, e, noon)
	}
	return h
}

func paid(t tester) *history {
	t.Helper()
	return after(t, stockReserved(), paymentAuthorized(), stockCommitted(), paymentCaptured())
}

func moved(t tester, h *history, to ...Status) *history {
	t.Helper()
	for _, next := range to {
		h.must(t)(UpdateStatus(h.Order, next, Shipment{}, "", noon))
	}
	return h
}

func cancelledByCustomer(t tester, h *history) *history {
	t.Helper()
	h.must(t)(Cancel(h.Order, orderv1.CancellationCauseCustomerRequest, "changed my mind", noon))
	return h
}

func refundAsked(t tester, h *history, id string, amount int64) *history {
	t.Helper()
	h.must(t)(RequestRefund(h.Order, id, &amount, "broken", noon))
	return h
}

// statuses are every status, in the order of an order's life, and every payment status.
var (
	statuses        = []Status{Pending, Confirmed, Paid, Processing, Shipped, Delivered, Cancelled, Refunded}
	paymentStatuses = []PaymentStatus{PaymentPending, PaymentProcessing, PaymentCompleted, PaymentFailed, PaymentCancelled, PaymentRefunded}
)

// reactions are the full names of the events that any step of the saga waits for.
func reactions() []string {
	var names []string
	seen := map[string]bool{}
	for _, r := range saga {
		for _, out := range r.outcomes {
			if !seen[out.event] {
				seen[out.event] = true
				names = append(names, out.event)
			}
		}
	}
	return names
}
