package property

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// tokens choose how the provider behaves, the good one most often.
var tokens = []string{
	"tok_ok", "tok_ok", "tok_ok", "tok_ok", "tok_ok",
	"tok_declined", "tok_insufficient_funds", "tok_500_then_ok", "tok_lost_answer", "tok_capture_declined",
	"tok_capture_lost_answer", "tok_void_lost_answer", "tok_refund_500_then_ok",
}

// pauses are what the clock moves by in a step. They keep clear of the jittered retries (up to about 40 s in the first
// tries), so that a schedule runs the same way again.
var pauses = []time.Duration{
	time.Microsecond, 100 * time.Millisecond, 20 * time.Second, 20 * time.Second, 50 * time.Second, time.Minute, 2 * time.Minute,
	5 * time.Minute, 8 * time.Minute, 15 * time.Minute, 20 * time.Minute,
}

// working have jobs, timing have timers.
var working, timing = []string{"payment", "notifier"}, []string{"order", "inventory"}

// mostOrders of a schedule.
const mostOrders = 4

// steps are what may happen in a schedule, and how often relative to the others. Each schedule leaves a drawn half of
// the troubles out, so that those left come together more often and get further.
func (w *world) steps(t *rapid.T, products []string) map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){}
	add := func(weight int, name string, step func(*rapid.T)) {
		for i := range weight {
			all[fmt.Sprintf("%s %d", name, i+1)] = func(t *rapid.T) {
				w.reporter = t
				step(t)
			}
		}
	}
	trouble := func(weight int, name string, step func(*rapid.T)) {
		if rapid.Bool().Draw(t, name) {
			add(weight, name, step)
		}
	}
	add(5, "place", func(t *rapid.T) { w.stepPlace(t, products) })
	trouble(2, "cancel", w.stepCancel)
	trouble(3, "move on", w.stepMove)
	trouble(3, "refund", w.stepRefund)
	trouble(1, "stock is lost", func(t *rapid.T) { w.loseStock(rapid.SampledFrom(products).Draw(t, "product")) })
	trouble(1, "adjust stock", func(t *rapid.T) {
		w.adjust(rapid.SampledFrom(products).Draw(t, "product"), rapid.Int64Range(-3, 3).Filter(notZero).Draw(t, "delta"))
	})
	trouble(1, "reprice", func(t *rapid.T) {
		w.reprice(rapid.SampledFrom(products).Draw(t, "product"), rapid.Int64Range(1, 9).Draw(t, "price")*100)
	})

	add(5, "events flow", func(*rapid.T) { w.events() })
	add(5, "all work", func(*rapid.T) { w.allWork() })
	add(4, "settle", func(*rapid.T) { w.settle() })
	trouble(2, "no event leaves a service for long", func(t *rapid.T) { w.stepSilence(t, products) })
	trouble(3, "relay", func(t *rapid.T) {
		w.relay(rapid.SampledFrom(names).Draw(t, "of"), rapid.IntRange(1, 5).Draw(t, "events"), false)
	})
	trouble(1, "relay and crash", func(t *rapid.T) {
		sent := w.relay(rapid.SampledFrom(names).Draw(t, "of"), rapid.IntRange(1, 5).Draw(t, "events"), true)
		w.seen.note(sentAgain, sent > 0)
	})
	trouble(3, "take", func(t *rapid.T) { w.take(w.drawWaiting(t), rapid.IntRange(1, 5).Draw(t, "records"), false) })
	trouble(2, "take and crash", func(t *rapid.T) {
		n := w.take(w.drawWaiting(t), rapid.IntRange(1, 5).Draw(t, "records"), true)
		w.seen.note(duplicates, n > 0)
	})
	trouble(3, "take out of order", func(t *rapid.T) { w.ahead(w.drawWaiting(t), rapid.Uint64().Draw(t, "order")) })
	trouble(2, "replay", w.stepReplay)
	add(3, "work", func(t *rapid.T) { w.work(rapid.SampledFrom(working).Draw(t, "of")) })
	trouble(1, "worker dies", func(t *rapid.T) { w.dieWorking(rapid.SampledFrom(working).Draw(t, "of")) })
	trouble(1, "worker loses its lease during a call", func(t *rapid.T) { w.loseLease(rapid.Bool().Draw(t, "other dies")) })
	add(1, "retry parked", func(t *rapid.T) { w.retryParked(rapid.SampledFrom(names).Draw(t, "of")) })
	trouble(3, "time passes", func(t *rapid.T) { w.clock.advance(rapid.SampledFrom(pauses).Draw(t, "by")) })
	trouble(3, "timers fire", func(t *rapid.T) { w.fire(rapid.SampledFrom(timing).Draw(t, "of")) })

	trouble(2, "relay goes down or up", func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "of")
		w.mute[name] = !w.mute[name]
	})
	trouble(2, "consumer goes away or comes back", func(t *rapid.T) {
		r := w.drawReader(t)
		r.away = !r.away
	})
	trouble(1, "provider in trouble", func(t *rapid.T) {
		w.provider.trouble(rapid.IntRange(0, 2).Draw(t, "answers lost"), rapid.IntRange(0, 3).Draw(t, "calls refused"))
	})
	trouble(1, "receiver in trouble", func(t *rapid.T) { w.receiver.trouble(rapid.IntRange(1, 3).Draw(t, "calls refused")) })
	return all
}

func notZero(n int64) bool { return n != 0 }

func (w *world) drawReader(t *rapid.T) *reader {
	return w.readers[rapid.IntRange(0, len(w.readers)-1).Draw(t, "reader")]
}

// drawWaiting draws a consumer for which records wait.
func (w *world) drawWaiting(t *rapid.T) *reader {
	var waiting []*reader
	for _, r := range w.readers {
		if len(r.waiting()) > 0 {
			waiting = append(waiting, r)
		}
	}
	if len(waiting) == 0 {
		t.SkipNow()
	}
	return waiting[rapid.IntRange(0, len(waiting)-1).Draw(t, "reader")]
}

// drawOrder draws one of the orders that have one of the statuses.
func (w *world) drawOrder(t *rapid.T, statuses ...orderv1.OrderStatus_Value) placed {
	var fitting []placed
	for _, o := range w.placed {
		if slices.Contains(statuses, w.order(o).GetStatus()) {
			fitting = append(fitting, o)
		}
	}
	if len(fitting) == 0 {
		t.SkipNow()
	}
	return fitting[rapid.IntRange(0, len(fitting)-1).Draw(t, "order")]
}

func (w *world) stepPlace(t *rapid.T, products []string) {
	if len(w.placed) == mostOrders {
		t.SkipNow()
	}
	var lines []any
	for _, product := range rapid.SliceOfNDistinct(rapid.SampledFrom(products), 1, len(products), rapid.ID[string]).Draw(t, "products") {
		lines = append(lines, product, rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "quantity"))
	}
	w.place(rapid.SampledFrom(tokens).Draw(t, "token"), lines...)
}

func (w *world) stepCancel(t *rapid.T) {
	w.hops(rapid.IntRange(0, 2).Draw(t, "hops before"))
	o := w.drawOrder(t, orderv1.OrderStatus_PENDING, orderv1.OrderStatus_CONFIRMED, orderv1.OrderStatus_PAID, orderv1.OrderStatus_SHIPPED)
	by := customer(o.user)
	if rapid.Bool().Draw(t, "by staff") {
		by = staff
	}
	w.cancel(o, by)
}

// stepMove tries the next moves of the fulfilment in a row: each is refused when the order is not there.
func (w *world) stepMove(t *rapid.T) {
	o := w.drawOrder(t, orderv1.OrderStatus_CONFIRMED, orderv1.OrderStatus_PAID, orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED)
	all := []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED, orderv1.OrderStatus_DELIVERED}
	for _, next := range all[:rapid.IntRange(1, len(all)).Draw(t, "moves")] {
		w.move(o, next)
	}
}

func (w *world) stepRefund(t *rapid.T) {
	o := w.drawOrder(t, orderv1.OrderStatus_CONFIRMED, orderv1.OrderStatus_SHIPPED, orderv1.OrderStatus_DELIVERED, orderv1.OrderStatus_REFUNDED)
	amount := rapid.SampledFrom([]int64{0, 10, 30, o.total}).Draw(t, "amount")
	first := w.refund(o, amount)
	if again := w.refund(o, amount); first && !again {
		w.seen.note(refundTwice, true)
	}
}

// hops lets every order go some steps of its saga.
func (w *world) hops(count int) {
	for range count {
		w.events()
		w.allWork()
	}
}

// stepSilence: at some point of an order's saga, what a service says reaches nobody any more, while its own work and that
// of the others goes on and time passes.
func (w *world) stepSilence(t *rapid.T, products []string) {
	if len(w.placed) < mostOrders {
		w.stepPlace(t, products)
	}
	w.hops(rapid.SampledFrom([]int{0, 1, 2, 3, 3, 4, 5}).Draw(t, "hops before"))
	name := rapid.SampledFrom([]string{"order", "order", "inventory", "payment"}).Draw(t, "of")
	before := w.mute[name]
	w.mute[name] = true
	w.settle()
	w.clock.advance(rapid.SampledFrom(pauses[len(pauses)-3:]).Draw(t, "for"))
	for _, other := range timing {
		w.fire(other)
	}
	if rapid.Bool().Draw(t, "stock is lost") {
		for _, product := range products {
			w.loseStock(product)
		}
	}
	w.mute[name] = before
}

func (w *world) stepReplay(t *rapid.T) {
	r := w.drawReader(t)
	if r.offset == 0 {
		t.SkipNow()
	}
	from := rapid.IntRange(0, r.offset-1).Draw(t, "from")
	w.replay(r, from, rapid.IntRange(from+1, r.offset).Draw(t, "to"))
}
