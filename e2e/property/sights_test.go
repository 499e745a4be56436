package property

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	order "orderflow.example/order/app"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// A sight is something interesting that a schedule may lead to. Over many schedules each must have been seen, or the
// steps don't reach what they are there for.
type sight string

const (
	paid              sight = "an order was paid"
	declined          sight = "a payment was declined"
	soldOut           sight = "stock was refused"
	soldOutCancelled  sight = "stock was refused and the customer cancelled, together"
	expiredTaken      sight = "an expired reservation was taken again for a confirmed order"
	expiredFailed     sight = "an expired reservation could not be taken again"
	expiredPending    sight = "a reservation expired and ended its order"
	pastLimit         sight = "a time limit cancelled an order"
	neverAuthorized   sight = "an order was cancelled before its money was asked for"
	lateAuthorization sight = "an authorisation came after the cancellation and was voided"
	voided            sight = "a cancelled order's authorisation was voided"
	captureRefused    sight = "a capture was refused"
	lateCapture       sight = "a capture came after the cancellation and was paid back"
	paidCancelled     sight = "a paid order was cancelled and paid back"
	stockReturned     sight = "committed stock came back"
	partRefunded      sight = "a part was refunded"
	refunded          sight = "an order was refunded"
	refundTwice       sight = "a refund asked for twice was refused"
	providerRetried   sight = "a provider's failure was retried"
	answerLookedUp    sight = "a lost answer was looked up"
	gapClosed         sight = "a message waited for the one before it"
	duplicates        sight = "messages were delivered again"
	sentAgain         sight = "a relay sent events again"
	workerDied        sight = "a worker died with jobs"
	leaseLost         sight = "a worker lost its lease during a call"
	webhookRetried    sight = "a webhook was retried"
	fulfilled         sight = "an order was delivered"
)

var sightsToSee = []sight{
	paid, declined, soldOut, soldOutCancelled, expiredTaken, expiredFailed, expiredPending, pastLimit, neverAuthorized, lateAuthorization,
	voided, captureRefused, lateCapture, paidCancelled, stockReturned, partRefunded, refunded, refundTwice, providerRetried, answerLookedUp,
	gapClosed, duplicates, sentAgain, workerDied, leaseLost, webhookRetried, fulfilled,
}

// sights are those of one schedule.
type sights map[sight]bool

func (s sights) note(what sight, seen bool) {
	if seen {
		s[what] = true
	}
}

// tally counts the schedules of all shards in which a sight was seen.
type tally struct {
	mu        sync.Mutex
	schedules int
	seen      map[sight]int
}

func (t *tally) add(s sights) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.schedules++
	if t.seen == nil {
		t.seen = map[sight]int{}
	}
	for what := range s {
		t.seen[what]++
	}
}

// missing are the sights that were never seen.
func (t *tally) missing() []sight {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(sightsToSee), func(what sight) bool { return t.seen[what] > 0 })
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d schedules\n", t.schedules)
	for _, what := range sightsToSee {
		fmt.Fprintf(&b, "  %6d  %s\n", t.seen[what], what)
	}
	return b.String()
}

// look notes what happened to the orders of a schedule, as their events tell it.
func (w *world) look() {
	w.Helper()
	failed, lookedUp := w.provider.count()
	w.seen.note(providerRetried, failed > 0)
	w.seen.note(answerLookedUp, lookedUp > 0)
	facts, err := order.OrderFacts(w.ctx, w.services["order"].DB)
	if err != nil {
		w.Fatalf("orders: %v", err)
	}
	for _, o := range facts {
		w.lookAt(o)
	}
}

func (w *world) lookAt(o order.OrderFact) {
	own, stock, money := w.story(schemas.OrderEvents, o.ID), w.story(schemas.InventoryEvents, o.ID), w.story(schemas.PaymentEvents, o.ID)
	cancelled := o.Status == "CANCELLED"
	confirmed := own.has("OrderConfirmed")
	for what, seen := range map[sight]bool{
		paid:              own.has("OrderPaid"),
		fulfilled:         own.has("OrderDelivered"),
		declined:          money.has("PaymentDeclined"),
		soldOut:           stock.has("StockRejected"),
		soldOutCancelled:  stock.has("StockRejected") && (o.CancelCause == orderv1.CancellationCauseCustomerRequest || o.CancelCause == orderv1.CancellationCauseStaffRequest),
		expiredTaken:      stock.has("ReservationExpired", "StockCommitted"),
		expiredFailed:     stock.has("ReservationExpired", "StockCommitFailed"),
		expiredPending:    o.CancelCause == orderv1.CancellationCauseReservationExpired,
		pastLimit:         o.CancelCause == orderv1.CancellationCauseTimeLimit,
		neverAuthorized:   cancelled && !own.has("PaymentRequested"),
		lateAuthorization: cancelled && !confirmed && money.has("PaymentAuthorized", "PaymentVoided"),
		voided:            cancelled && confirmed && money.has("PaymentAuthorized", "PaymentVoided"),
		captureRefused:    money.has("PaymentCaptureFailed"),
		lateCapture:       cancelled && !own.has("OrderPaid") && money.has("PaymentCaptured", "PaymentRefunded"),
		paidCancelled:     cancelled && own.has("OrderPaid") && money.has("PaymentRefunded"),
		stockReturned:     stock.has("StockReturned"),
		partRefunded:      own.has("RefundCompleted") && o.RefundedTotal < o.Total,
		refunded:          own.has("OrderRefunded"),
	} {
		w.seen.note(what, seen)
	}
}

// story is the types of a key's events, in order.
type story []string

func (w *world) story(topic, key string) story {
	var types story
	last := int64(0)
	for _, record := range w.topic(topic).records {
		if number := sequence(record); record.Key == key && number > last { // those sent again are left out
			name := record.Headers["ce_type"]
			types, last = append(types, name[strings.LastIndexByte(name, '.')+1:]), number
		}
	}
	return types
}

// has tells whether the types occur in this order, others between them or not.
func (s story) has(types ...string) bool {
	for _, name := range s {
		if len(types) > 0 && name == types[0] {
			types = types[1:]
		}
	}
	return len(types) == 0
}
