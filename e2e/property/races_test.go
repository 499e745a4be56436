package property

import (
	"slices"
	"testing"
	"time"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
)

// expire lets the hold of a reservation run out, as inventory's own timer does.
func (w *world) expire() {
	w.Helper()
	w.hear("inventory")
	w.clock.advance(16 * time.Minute)
	if w.fire("inventory") == 0 {
		w.Fatalf("no reservation expired")
	}
}

func TestExpiredReservationIsTakenAgainForAConfirmedOrder(t *testing.T) {
	w := stage(t)
	o := w.toConfirmed("tok_ok", "p1", 3)
	w.expire()
	w.settle()
	w.must(o, orderv1.OrderStatus_PAID, orderv1.PaymentStatus_COMPLETED)
	w.mustTell(schemas.InventoryEvents, o, "StockReserved", "ReservationExpired", "StockCommitted")
	w.ends()
}

func TestExpiredReservationThatCannotBeTakenAgainFailsTheCommit(t *testing.T) {
	w := stage(t)
	late := w.toConfirmed("tok_ok", "p1", 3)
	w.expire()
	// Another order takes the stock before inventory hears of the confirmation.
	r := w.reader("inventory", schemas.OrderEvents)
	r.away = true
	other := w.place("tok_ok", "p1", 4)
	w.events()
	var theirs []int
	for i, record := range r.waiting() {
		if record.Key == other.id {
			theirs = append(theirs, r.offset+i)
		}
	}
	for _, i := range theirs {
		w.replay(r, i, i+1)
	}
	r.away = false
	w.settle()
	w.must(late, orderv1.OrderStatus_CANCELLED, orderv1.PaymentStatus_CANCELLED)
	w.mustBeCancelledFor(late, orderv1.CancelCause_STOCK_COMMIT_FAILED)
	w.mustTell(schemas.InventoryEvents, late, "StockReserved", "ReservationExpired", "StockCommitFailed")
	w.mustTell(schemas.PaymentEvents, late, "PaymentAuthorized", "PaymentVoided")
	w.must(other, orderv1.OrderStatus_PAID, orderv1.PaymentStatus_COMPLETED)
	w.ends()
}

// A reservation that expires while the confirmed order's message waits to be taken does not expire at all: the timer
// waits until the consumer has passed.
func TestBacklogIsWorkedOffBeforeAnythingExpires(t *testing.T) {
	w := stage(t)
	o := w.toConfirmed("tok_ok", "p1", 3)
	w.send("order")
	w.clock.advance(16 * time.Minute)
	if n := w.fire("inventory"); n != 0 {
		t.Errorf("%d reservations expired behind a backlog", n)
	}
	w.settle()
	w.must(o, orderv1.OrderStatus_PAID, orderv1.PaymentStatus_COMPLETED)
	w.ends()
}

func TestCancelWhileAuthorisationIsUnderWay(t *testing.T) {
	cases := map[string]struct {
		token  string
		race   func(w *world, o placed)
		told   []string // of the payment
		status orderv1.PaymentStatus_Value
		atBank int
	}{
		"the authorisation comes after the cancellation, and is voided": {
			token: "tok_ok",
			race:  func(w *world, o placed) { w.cancel(o, customer(o.user)); w.work("payment") },
			told:  []string{"PaymentAuthorized", "PaymentVoided"}, status: orderv1.PaymentStatus_CANCELLED, atBank: 1,
		},
		"the cancellation overtakes it, and the provider is never asked": {
			token: "tok_ok",
			race: func(w *world, o placed) {
				w.cancel(o, customer(o.user))
				w.send("order")
				w.hear("payment")
				w.work("payment")
			},
			told: []string{"PaymentVoided"}, status: orderv1.PaymentStatus_CANCELLED,
		},
		"its answer is lost, and the hold is found and voided": {
			token: "tok_lost_answer",
			race: func(w *world, o placed) {
				w.work("payment")
				w.cancel(o, customer(o.user))
				w.send("order")
				w.hear("payment")
			},
			told: []string{"PaymentAuthorized", "PaymentVoided"}, status: orderv1.PaymentStatus_CANCELLED, atBank: 1,
		},
		"the worker dies with it, and another looks it up": {
			token: "tok_ok",
			race:  func(w *world, o placed) { w.dieWorking("payment"); w.cancel(o, customer(o.user)) },
			told:  []string{"PaymentVoided"}, status: orderv1.PaymentStatus_CANCELLED, atBank: -1,
		},
		"the worker loses its lease while the provider authorises, and the hold is found and voided": {
			token: "tok_ok",
			race: func(w *world, o placed) {
				w.loseLease(true)
				w.work("payment")
				w.cancel(o, customer(o.user))
				w.send("order")
				w.hear("payment")
			},
			told: []string{"PaymentAuthorized", "PaymentVoided"}, status: orderv1.PaymentStatus_CANCELLED, atBank: 1,
		},
		"the provider declines after the cancellation": {
			token: "tok_declined",
			race:  func(w *world, o placed) { w.cancel(o, customer(o.user)); w.work("payment") },
			told:  []string{"PaymentDeclined"}, status: orderv1.PaymentStatus_FAILED,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := stage(t)
			o := w.toPaymentRequested(c.token, "p1", 2)
			c.race(w, o)
			w.ends()
			w.must(o, orderv1.OrderStatus_CANCELLED, c.status)
			w.mustBeCancelledFor(o, orderv1.CancelCause_CUSTOMER_REQUEST)
			w.mustTell(schemas.PaymentEvents, o, c.told...)
			if got := len(w.atBank(o)); c.atBank >= 0 && got != c.atBank {
				t.Errorf("the provider has %d payments, want %d", got, c.atBank)
			}
		})
	}
}

func TestCancelWhileCaptureIsUnderWay(t *testing.T) {
	cases := map[string]struct {
		token string
		told  []string
	}{
		"the capture comes after the cancellation, and is paid back": {"tok_ok", []string{"PaymentCaptured", "PaymentRefunded"}},
		"its answer is lost, and what it took is paid back":          {"tok_capture_lost_answer", []string{"PaymentCaptured", "PaymentRefunded"}},
		"the provider refuses the capture, and the hold is voided":   {"tok_capture_declined", []string{"PaymentCaptureFailed", "PaymentVoided"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := stage(t)
			o := w.toConfirmed(c.token, "p1", 2)
			w.send("order")
			w.hear("inventory")
			w.send("inventory")
			w.hear("order")
			w.send("order")
			w.hear("payment") // knows of the capture
			w.work("payment")
			if !w.cancel(o, staff) {
				t.Fatal("the order can't be cancelled")
			}
			w.ends()
			w.mustBeCancelledFor(o, orderv1.CancelCause_STAFF_REQUEST)
			w.mustTell(schemas.PaymentEvents, o, c.told...)
			w.mustTell(schemas.InventoryEvents, o, "StockCommitted", "StockReturned")
		})
	}
}

func TestRefundAskedForTwice(t *testing.T) {
	t.Run("of everything", func(t *testing.T) {
		w := stage(t)
		o := w.toShipped("tok_ok", "p1", 2)
		if !w.refund(o, 0) || w.refund(o, 0) {
			t.Error("the first must be taken, the second refused")
		}
		w.settle()
		if w.refund(o, 0) {
			t.Error("a refund of a refunded order was taken")
		}
		w.ends()
		w.must(o, orderv1.OrderStatus_REFUNDED, orderv1.PaymentStatus_REFUNDED)
	})
	t.Run("in parts", func(t *testing.T) {
		w := stage(t)
		o := w.toShipped("tok_refund_lost_answer", "p1", 2)
		if !w.refund(o, 150) || w.refund(o, 150) || !w.refund(o, 50) || w.refund(o, 1) {
			t.Error("150 and 50 of 200 can be refunded, and nothing else")
		}
		w.ends()
		w.must(o, orderv1.OrderStatus_REFUNDED, orderv1.PaymentStatus_REFUNDED)
		if at := w.atBank(o); len(at) != 1 || len(at[0].Refunds) != 2 || at[0].AmountRefunded != 200 {
			t.Errorf("the provider paid back %+v", at)
		}
	})
	t.Run("by an event delivered twice", func(t *testing.T) {
		w := stage(t)
		o := w.toShipped("tok_ok", "p1", 2)
		w.refund(o, 80)
		w.send("order")
		r := w.reader("payment", schemas.OrderEvents)
		for range 3 {
			w.take(r, 100, true)
			w.work("payment")
		}
		w.ends()
		if at := w.atBank(o); len(at) != 1 || at[0].AmountRefunded != 80 {
			t.Errorf("the provider paid back %+v", at)
		}
		if fact := w.fact(o); fact.Status != "SHIPPED" || fact.RefundedTotal != 80 {
			t.Errorf("the order is %+v", fact)
		}
	})
	t.Run("that the provider refuses, it can be asked for again", func(t *testing.T) {
		w := stage(t)
		o := w.toShipped("tok_refund_declined", "p1", 2)
		w.refund(o, 0)
		w.settle()
		if fact := w.fact(o); fact.Status != "SHIPPED" || fact.RefundedTotal != 0 || fact.Step != "" {
			t.Errorf("the order is %+v", fact)
		}
		if !w.refund(o, 0) {
			t.Error("after a failed refund another can be asked for")
		}
		w.ends()
	})
}

func TestStockRejectedAndCancelTogether(t *testing.T) {
	for name, c := range map[string]struct {
		race  func(w *world, o placed)
		cause orderv1.CancelCause_Value
	}{
		"the customer is first": {
			race: func(w *world, o placed) {
				if !w.cancel(o, customer(o.user)) {
					w.Errorf("the order can't be cancelled")
				}
				w.hear("order")
			},
			cause: orderv1.CancelCause_CUSTOMER_REQUEST,
		},
		"the refusal is first": {
			race: func(w *world, o placed) {
				w.hear("order")
				if w.cancel(o, customer(o.user)) {
					w.Errorf("an order that is cancelled already can't be cancelled")
				}
			},
			cause: orderv1.CancelCause_STOCK_REJECTED,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := stage(t)
			o := w.place("tok_ok", "p1", 1, "p2", 6)
			w.send("order")
			w.hear("inventory")
			w.send("inventory")
			c.race(w, o)
			w.ends()
			w.must(o, orderv1.OrderStatus_CANCELLED, orderv1.PaymentStatus_CANCELLED)
			w.mustBeCancelledFor(o, c.cause)
			if told := w.story(schemas.InventoryEvents, o.id); !slices.Equal(told, story{"StockRejected"}) {
				t.Errorf("inventory tells %v: nothing was held, nothing is to be given back", told)
			}
			if n := len(w.story(schemas.OrderEvents, o.id)); n != 2 {
				t.Errorf("the order has %d events, want that it was placed and cancelled", n)
			}
		})
	}
}

// What happened before an order was final, and arrives after that, changes neither stock nor money nor the order.
func TestOldEventAfterFinal(t *testing.T) {
	for name, c := range map[string]struct {
		finish func(w *world) placed
		status orderv1.OrderStatus_Value
	}{
		"stock is reserved for an order that was cancelled by its time limit": {
			finish: func(w *world) placed {
				o := w.place("tok_ok", "p1", 5)
				w.send("order")
				w.hear("inventory")
				w.clock.advance(3 * time.Minute)
				if w.fire("order") != 1 {
					w.Fatalf("the order was not cancelled")
				}
				return o
			},
			status: orderv1.OrderStatus_CANCELLED,
		},
		"a payment is authorised for an order that was cancelled by its time limit": {
			finish: func(w *world) placed {
				o := w.toPaymentRequested("tok_ok", "p1", 5)
				w.clock.advance(9 * time.Minute)
				if w.fire("order") != 1 {
					w.Fatalf("the order was not cancelled")
				}
				w.work("payment")
				return o
			},
			status: orderv1.OrderStatus_CANCELLED,
		},
		"everything arrives again at a refunded order": {
			finish: func(w *world) placed {
				o := w.toShipped("tok_ok", "p1", 5)
				w.refund(o, 0)
				w.settle()
				return o
			},
			status: orderv1.OrderStatus_REFUNDED,
		},
		"everything arrives again at an order that was cancelled when it was paid": {
			finish: func(w *world) placed {
				o := w.place("tok_ok", "p1", 5)
				w.settle()
				w.cancel(o, staff)
				w.settle()
				return o
			},
			status: orderv1.OrderStatus_CANCELLED,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := stage(t)
			o := c.finish(w)
			w.settle()
			before := w.order(o)
			if before.GetStatus() != c.status {
				t.Fatalf("the order is %s", before.GetStatus())
			}
			old := w.all()
			w.deliver(old...)
			slices.Reverse(old)
			w.deliver(old...)
			w.ends()
			if after := w.order(o); after.GetEtag() != before.GetEtag() || after.GetStatus() != before.GetStatus() {
				t.Errorf("the order was %s, version %s, and is %s, version %s", before.GetStatus(), before.GetEtag(), after.GetStatus(), after.GetEtag())
			}
		})
	}
}

// A cancellation that a service meets before it has heard of the order leaves something behind that refuses the order.
func TestCancelOvertakesTheOrder(t *testing.T) {
	w := stage(t)
	o := w.place("tok_ok", "p1", 5)
	w.cancel(o, customer(o.user))
	w.send("order")
	for _, name := range []string{"inventory", "payment"} {
		r := w.reader(name, schemas.OrderEvents)
		waiting := slices.Clone(r.waiting())
		slices.Reverse(waiting)
		w.process(r, waiting)
	}
	w.ends()
	w.must(o, orderv1.OrderStatus_CANCELLED, orderv1.PaymentStatus_CANCELLED)
	if n := len(w.atBank(o)); n != 0 {
		t.Errorf("the provider has %d payments", n)
	}
}
