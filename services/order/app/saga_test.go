package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

// pay takes an order from placed to PAID.
func (r *rig) pay(id string) {
	r.Helper()
	now := time.Now().UTC()
	r.say(schemas.InventoryEvents, id, &inventoryv1.StockReserved{OrderID: id, ExpiresAt: now.Add(15 * time.Minute), OccurredAt: now})
	r.say(schemas.PaymentEvents, id, &paymentv1.PaymentAuthorized{OrderID: id, PaymentID: "pay", Amount: 2000, Currency: "KRW", OccurredAt: now})
	r.say(schemas.InventoryEvents, id, &inventoryv1.StockCommitted{OrderID: id, OccurredAt: now})
	r.say(schemas.PaymentEvents, id, &paymentv1.PaymentCaptured{OrderID: id, PaymentID: "pay", ProviderReference: "ref", Amount: 2000, Currency: "KRW", OccurredAt: now})
}

func TestFromPlacedToPaidToRefunded(t *testing.T) {
	r := start(t)
	o := r.order("u1")
	if o.GetStatus() != orderv1.OrderStatus_PENDING || o.GetTotal() != 2000 || o.GetItems()[0].GetSubtotal() != 2000 || o.GetEtag() == "" {
		t.Errorf("placed: %v", o)
	}
	r.pay(o.GetId())
	if o = r.get(o.GetId()); o.GetStatus() != orderv1.OrderStatus_PAID || o.GetPaymentStatus() != orderv1.PaymentStatus_COMPLETED || o.GetTransactionId() != "ref" {
		t.Fatalf("paid: %v", o)
	}
	staff := r.as("s1", "staff")
	for _, next := range []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED, orderv1.OrderStatus_DELIVERED} {
		request := &orderv1.UpdateOrderStatusRequest{OrderId: o.GetId(), Status: next, Reason: "on time"}
		if next == orderv1.OrderStatus_SHIPPED {
			request.Carrier, request.TrackingNumber = "Post", "T1"
		}
		moved, err := r.UpdateOrderStatus(staff, request)
		if err != nil || moved.GetStatus() != next {
			t.Fatalf("to %s: %v, %v", next, moved, err)
		}
	}
	asked, err := r.RefundOrder(staff, &orderv1.RefundOrderRequest{OrderId: o.GetId(), Reason: "broken"})
	if err != nil || len(asked.GetRefunds()) != 1 || asked.GetRefunds()[0].GetAmount() != 2000 || asked.GetRefunds()[0].GetStatus() != orderv1.RefundStatus_REQUESTED {
		t.Fatalf("refund: %v, %v", asked, err)
	}
	refundID := asked.GetRefunds()[0].GetId()
	r.say(schemas.PaymentEvents, o.GetId(), &paymentv1.PaymentRefunded{
		OrderID: o.GetId(), PaymentID: "pay", RefundID: &refundID, Amount: 2000, Currency: "KRW", RefundedTotal: 2000, OccurredAt: time.Now().UTC(),
	})
	o = r.get(o.GetId())
	if o.GetStatus() != orderv1.OrderStatus_REFUNDED || o.GetPaymentStatus() != orderv1.PaymentStatus_REFUNDED || o.GetRefundedTotal() != 2000 {
		t.Errorf("refunded: %v", o)
	}
	if !strings.HasPrefix(o.GetNotes(), "ring twice\n20") || strings.Count(o.GetNotes(), "on time") != 3 || o.GetCarrier() != "Post" {
		t.Errorf("notes %q, carrier %q", o.GetNotes(), o.GetCarrier())
	}
	r.check()
}

// A cancelled order that was paid shows what came back as refunded, once payment says so and not before.
func TestACancellationsRefundIsInTheRefundedTotal(t *testing.T) {
	r := start(t)
	id := r.order("u1").GetId()
	r.pay(id)
	if _, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: id}); err != nil {
		t.Fatal(err)
	}
	if o := r.get(id); o.GetPaymentStatus() != orderv1.PaymentStatus_COMPLETED || o.GetRefundedTotal() != 0 {
		t.Errorf("cancelled: %v", o)
	}
	r.say(schemas.PaymentEvents, id, &paymentv1.PaymentRefunded{
		OrderID: id, PaymentID: "pay", Amount: 2000, Currency: "KRW", RefundedTotal: 2000, OccurredAt: time.Now().UTC(),
	})
	if o := r.get(id); o.GetStatus() != orderv1.OrderStatus_CANCELLED || o.GetPaymentStatus() != orderv1.PaymentStatus_REFUNDED || o.GetRefundedTotal() != 2000 {
		t.Errorf("paid back: %v", o)
	}
	r.check()
}

// The timeline shows every service's events, each after what caused it.
func TestTimeline(t *testing.T) {
	r := start(t)
	o := r.order("u1")
	r.pay(o.GetId())
	timeline, err := r.GetOrderTimeline(r.as("u1"), &orderv1.GetOrderTimelineRequest{OrderId: o.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	seen := map[string]bool{"": true}
	for i, e := range timeline.GetEvents() {
		types = append(types, e.GetType()[strings.LastIndexByte(e.GetType(), '.')+1:])
		if !seen[e.GetCausationId()] || (e.GetCausationId() == "") != (i == 0) {
			t.Errorf("%s: its cause %q is not among the events before it", e.GetType(), e.GetCausationId())
		}
		if e.GetSummary() == "" || e.GetService() == "" || e.GetTopic() == "" || e.GetSequence() == 0 || e.GetOccurredAt() == nil {
			t.Errorf("incomplete: %v", e)
		}
		seen[e.GetEventId()] = true
	}
	want := []string{
		"OrderPlaced", "StockReserved", "PaymentRequested", "PaymentAuthorized", "OrderConfirmed", "StockCommitted",
		"PaymentCaptureRequested", "PaymentCaptured", "OrderPaid",
	}
	if !slices.Equal(types, want) {
		t.Errorf("got %v", types)
	}
}

func TestSagasCanBeListed(t *testing.T) {
	r := start(t)
	waiting, other := r.order("u1"), r.order("u2")
	r.pay(other.GetId())
	list, err := r.ListSagas(r.as("a1", "auditor"), &orderv1.ListSagasRequest{})
	if err != nil || len(list.GetSagas()) != 1 || list.GetTotalSize() != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	saga := list.GetSagas()[0]
	if saga.GetOrderId() != waiting.GetId() || saga.GetStep() != "RESERVE_STOCK" || !strings.HasPrefix(saga.GetWaitingFor(), "StockReserved or") ||
		saga.GetDeadline().AsTime().Sub(saga.GetSince().AsTime()) != 2*time.Minute {
		t.Errorf("%v", saga)
	}
}

// The provider refuses for good to give back what a cancelled order has paid: the order stays listed, with what it waits
// for and since when, and the check names it once its time is over.
func TestMoneyThatIsNotGivenBackStaysListed(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	r := start(t, func(cfg *app.Config) { cfg.Now = func() time.Time { return now } })
	o := r.order("u1")
	r.pay(o.GetId())
	if _, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: o.GetId()}); err != nil {
		t.Fatal(err)
	}
	cancelled := now
	now = now.Add(time.Minute)
	r.say(schemas.PaymentEvents, o.GetId(), &paymentv1.PaymentRefundFailed{
		OrderID: o.GetId(), PaymentID: "pay", Amount: 2000, Currency: "KRW", Code: "account_closed", Reason: "The account is closed.", OccurredAt: now,
	})
	now = cancelled.Add(time.Hour)
	r.markSent()
	list, err := r.ListSagas(r.as("a1", "auditor"), &orderv1.ListSagasRequest{})
	if err != nil || len(list.GetSagas()) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	saga := list.GetSagas()[0]
	if saga.GetOrderId() != o.GetId() || saga.GetStep() != "RETURN_MONEY" || !strings.HasPrefix(saga.GetWaitingFor(), "PaymentVoided or PaymentRefunded") ||
		!saga.GetSince().AsTime().Equal(cancelled) || !saga.GetDeadline().AsTime().Equal(now) {
		t.Errorf("%v", saga)
	}
	timeline, err := r.GetOrderTimeline(r.as("u1"), &orderv1.GetOrderTimelineRequest{OrderId: o.GetId()})
	if err != nil || !slices.ContainsFunc(timeline.GetEvents(), func(e *orderv1.TimelineEvent) bool {
		return strings.HasSuffix(e.GetType(), ".PaymentRefundFailed") && strings.Contains(e.GetSummary(), "The account is closed.")
	}) {
		t.Errorf("%v, %v", timeline, err)
	}
	now = now.Add(time.Hour)
	var violations []string
	for _, c := range r.Checks {
		result, err := c.Run(t.Context(), r.DB)
		if err != nil {
			t.Error(err)
		}
		violations = append(violations, result.Violations...)
	}
	if len(violations) != 1 || !strings.Contains(violations[0], o.GetId()+" is in RETURN_MONEY since 2026-11-02T12:00:00Z and waits for PaymentVoided") {
		t.Errorf("violations %q", violations)
	}
}

// A step past its limit cancels the order. Its time begins when the broker has taken the question.
func TestTimeLimitCancels(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	r := start(t, func(cfg *app.Config) { cfg.Now = func() time.Time { return now } })
	o := r.order("u1")
	limits := r.Timers[0]
	if safe, err := limits.Safe(t.Context()); err != nil || !safe.IsZero() {
		t.Errorf("safe at %s before the broker was asked: %v", safe, err)
	}
	sent := now.Add(time.Minute) // the broker was away until then: nobody could answer
	now = sent
	r.markSent()
	now = now.Add(2*time.Minute - time.Microsecond)
	if n, err := limits.Fire(t.Context(), now); err != nil || n != 0 {
		t.Fatalf("fired %d before the limit: %v", n, err)
	}
	now = sent.Add(2 * time.Minute)
	if n, err := limits.Fire(t.Context(), now); err != nil || n != 1 {
		t.Fatalf("fired %d: %v", n, err)
	}
	if got := r.get(o.GetId()); got.GetStatus() != orderv1.OrderStatus_CANCELLED || got.GetCancelCause() != orderv1.CancelCause_TIME_LIMIT {
		t.Errorf("%v", got)
	}
	r.check()
}

// markSent is what the relay does once the broker has taken every event.
func (r *rig) markSent() {
	r.Helper()
	rows, err := outbox.Unsent(r.Context(), r.DB, 1000)
	if err != nil {
		r.Fatal(err)
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	if err := r.DB.InTx(r.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return outbox.MarkSent(ctx, tx, ids) }); err != nil {
		r.Fatal(err)
	}
}

func TestFacts(t *testing.T) {
	r := start(t)
	o := r.order("u1")
	r.pay(o.GetId())
	facts, err := app.OrderFacts(t.Context(), r.DB)
	if err != nil || len(facts) != 1 {
		t.Fatalf("%v, %v", facts, err)
	}
	f := facts[0]
	if f.ID != o.GetId() || f.Status != "PAID" || f.PaymentStatus != "COMPLETED" || f.Total != 2000 || f.Version != 5 || f.Step != "" ||
		!slices.Equal(f.Items, []app.ItemFact{{ProductID: "p1", Quantity: 2, UnitPrice: 1000}}) {
		t.Errorf("%+v", f)
	}
}
