package app_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/sqldb"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

// A whole life, live: every event once, in the order of the timeline, before anything else happens, with the order as it
// is then; the end comes by itself.
func TestWatchAWholeLife(t *testing.T) {
	onEach(t, func(r *rig) {
		id := r.order("u1").GetId()
		ctx, cancel := r.owner()
		defer cancel()
		feeds, got := map[string]feed{}, map[string][]*orderv1.WatchOrderResponse{}
		for name, open := range transports {
			feeds[name] = open(r, ctx, id, "")
			got[name] = r.take(feeds[name], 1)
		}
		for i, step := range r.life(id) {
			step(r)
			for name, next := range feeds {
				got[name] = append(got[name], r.take(next, lifeSteps[i])...)
			}
		}
		timeline, err := r.GetOrderTimeline(r.as("u1"), &orderv1.GetOrderTimelineRequest{OrderId: id})
		if err != nil {
			r.Fatal(err)
		}
		for name, next := range feeds {
			if more := r.toEnd(next); len(more) > 0 || !slices.Equal(types(got[name]), lifeTypes) {
				r.Fatalf("%s: %v and then %v", name, types(got[name]), types(more))
			}
			for i, m := range got[name] {
				if !proto.Equal(m.GetEvent(), timeline.GetEvents()[i]) {
					r.Errorf("%s: %v, and in the timeline %v", name, m.GetEvent(), timeline.GetEvents()[i])
				}
				version, err := strconv.Unquote(m.GetOrder().GetEtag())
				if n, _ := strconv.ParseInt(version, 10, 64); err != nil || (m.GetEvent().GetTopic() == schemas.OrderEvents && n < m.GetEvent().GetSequence()) {
					r.Errorf("%s: %v comes with the order's version %s", name, m.GetEvent(), version)
				}
			}
			if status := got[name][len(lifeTypes)-1].GetOrder().GetStatus(); status != orderv1.OrderStatus_REFUNDED {
				r.Errorf("%s: ends with %s", name, status)
			}
		}
	})
}

// Cut after any event, a watch goes on with the next one: of a life that is over, and of one that goes on meanwhile,
// on a service that was started anew.
func TestWatchResumesAfterEveryEvent(t *testing.T) {
	onEach(t, func(r *rig) {
		ctx, cancel := r.owner()
		defer cancel()
		id := r.order("u1").GetId()
		for _, step := range r.life(id) {
			step(r)
		}
		all := r.toEnd(r.watch(ctx, id, ""))
		if !slices.Equal(types(all), lifeTypes) {
			r.Fatalf("got %v", types(all))
		}
		r.shut()
		again := r.replica()
		for name, open := range transports {
			for i, m := range all {
				if got := again.toEnd(open(again, ctx, id, m.GetResumeToken())); !slices.Equal(types(got), nonNil(lifeTypes[i+1:])) {
					r.Errorf("%s after %d events: %v", name, i+1, types(got))
				}
			}
		}

		id = again.order("u1").GetId()
		token, got := "", []*orderv1.WatchOrderResponse{}
		steps := again.life(id)
		for i := 0; len(got) < len(lifeTypes); i++ { // each watch is for one event
			cut, end := context.WithCancel(ctx)
			if i < len(steps) {
				steps[i](again)
			}
			open := transports["gRPC"]
			if i%2 == 1 {
				open = transports["SSE"]
			}
			got = append(got, again.take(open(again, cut, id, token), 1)...)
			token = got[len(got)-1].GetResumeToken()
			end()
		}
		if !slices.Equal(types(got), lifeTypes) {
			r.Errorf("in pieces: %v", types(got))
		}
	})
}

func nonNil(texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	return texts
}

// What one replica stores, a watcher of another sees.
func TestWatchAcrossReplicas(t *testing.T) {
	r := onPostgres(t)
	other := r.replica()
	id := r.order("u1").GetId()
	ctx, cancel := r.owner()
	defer cancel()
	next := other.watch(ctx, id, "")
	got := r.take(next, 1)
	for i, step := range r.life(id) {
		step(r)
		got = append(got, r.take(next, lifeSteps[i])...)
	}
	if more := r.toEnd(next); len(more) > 0 || !slices.Equal(types(got), lifeTypes) {
		r.Errorf("%v and then %v", types(got), types(more))
	}
	mine := r.toEnd(r.watch(ctx, id, got[4].GetResumeToken())) // a token of the other's
	if !slices.Equal(types(mine), lifeTypes[5:]) {
		r.Errorf("resumed: %v", types(mine))
	}
}

// Events that are stored late, though they happened early or have a lower number than one that was sent, are told all
// the same: live, and after a cut.
func TestWatchTellsOfLateEvents(t *testing.T) {
	onEach(t, func(r *rig) {
		ctx, cancel := r.owner()
		defer cancel()
		id := r.order("u1").GetId()
		r.pay(id)
		live := r.watch(ctx, id, "")
		token := r.take(live, 9)[8].GetResumeToken()
		for _, sequence := range []int64{99, 50, 98} {
			r.insertWitnessed(ctx, id, sequence, nil)
			late := r.take(live, 1)[0]
			resumed := r.take(r.watchEvents(ctx, id, token), 1)[0]
			if late.GetEvent().GetSequence() != sequence || resumed.GetEvent().GetSequence() != sequence {
				r.Errorf("%d: live %v, resumed %v", sequence, late.GetEvent(), resumed.GetEvent())
			}
			token = late.GetResumeToken()
		}
	})
}

// insertWitnessed stores an event of an hour ago. held, if given, is called before the commit.
func (r *rig) insertWitnessed(ctx context.Context, id string, sequence int64, held func()) {
	r.Helper()
	err := r.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO order_history (order_id, event_id, type, topic, sequence, source, occurred_at, causation_id, summary)
			VALUES ($1, $2, 'orderflow.inventory.v1.ReservationExpired', $3, $4, 'test', $5, '', 'Late')`,
			id, fmt.Sprint("late-", sequence), schemas.InventoryEvents, sequence, sqldb.Micros(time.Now().Add(-time.Hour)))
		if held != nil {
			held()
		}
		tx.Wake("orders")
		return err
	})
	if err != nil {
		r.Error(err)
	}
}

// A transaction that began first and commits last hides nothing.
func TestWatchAndALateCommit(t *testing.T) {
	r := onPostgres(t) // SQLite has one writer
	ctx, cancel := r.owner()
	defer cancel()
	id := r.order("u1").GetId()
	next := r.watch(ctx, id, "")
	r.take(next, 1)
	written, commit, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.insertWitnessed(ctx, id, 99, func() {
			close(written)
			<-commit
		})
	}()
	<-written
	r.pay(id)
	token := r.take(next, 8)[7].GetResumeToken()
	close(commit)
	<-done
	for _, feed := range []feed{next, r.watch(ctx, id, token)} {
		if m := r.take(feed, 1)[0]; m.GetEvent().GetSequence() != 99 {
			r.Errorf("got %v", m.GetEvent())
		}
	}
}

// A cancelled order is over when stock and money are back, and no sooner.
func TestWatchOfACancelledOrder(t *testing.T) {
	onEach(t, func(r *rig) {
		ctx, cancel := r.owner()
		defer cancel()
		id := r.order("u1").GetId()
		r.pay(id)
		next := r.watchEvents(ctx, id, "")
		r.take(next, 9)
		if _, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: id}); err != nil {
			r.Fatal(err)
		}
		now := time.Now().UTC()
		r.say(schemas.PaymentEvents, id, &paymentv1.PaymentRefunded{OrderID: id, PaymentID: "pay", Amount: 2000, Currency: "KRW", RefundedTotal: 2000, OccurredAt: now})
		r.take(next, 3)
		r.say(schemas.InventoryEvents, id, &inventoryv1.StockReturned{OrderID: id, OccurredAt: now})
		last := r.toEnd(next)
		if !slices.Equal(types(last), []string{"StockReturned"}) || last[0].GetOrder().GetPaymentStatus() != orderv1.PaymentStatus_REFUNDED {
			r.Fatalf("%v", last)
		}
		if again := r.askEvents(ctx, id+":watch", r.issuer.Token("u1"), "Last-Event-ID", last[0].GetResumeToken()); again.status != http.StatusNoContent {
			r.Errorf("a client that comes again: %d", again.status)
		}
	})
}
