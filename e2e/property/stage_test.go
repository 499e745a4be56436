package property

import (
	"context"
	"slices"
	"testing"

	"orderflow.example/kit/kafka"
	order "orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// stage is a world for one scripted schedule: two products are sold, 5 of p1 and 5 of p2, for 100 and 250.
func stage(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	w.begin(t)
	w.sell("p1", 100, 5)
	w.sell("p2", 250, 5)
	return w
}

// send lets a service's events out.
func (w *world) send(name string) { w.Helper(); w.relay(name, 1000, false) }

// hear lets a service take everything that waits for it.
func (w *world) hear(name string) {
	w.Helper()
	for _, r := range w.readers {
		if r.service == name {
			w.take(r, 1000, false)
		}
	}
}

// toPaymentRequested brings a new order to where the money is asked for and the payment service has heard of it, but has
// not done anything.
func (w *world) toPaymentRequested(token string, lines ...any) placed {
	w.Helper()
	o := w.place(token, lines...)
	w.send("order")
	w.hear("inventory")
	w.send("inventory")
	w.hear("order")
	w.send("order")
	w.hear("payment")
	return o
}

// toConfirmed brings a new order to where it is confirmed and nobody has heard of that.
func (w *world) toConfirmed(token string, lines ...any) placed {
	w.Helper()
	o := w.toPaymentRequested(token, lines...)
	w.work("payment")
	w.send("payment")
	w.hear("order")
	w.must(o, orderv1.OrderStatus_CONFIRMED, orderv1.PaymentStatus_PROCESSING)
	return o
}

// toShipped brings a new order to its customer.
func (w *world) toShipped(token string, lines ...any) placed {
	w.Helper()
	o := w.place(token, lines...)
	w.settle()
	for _, next := range []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED} {
		if !w.move(o, next) {
			w.Fatalf("order %s can't become %s: it is %s", o.id, next, w.order(o).GetStatus())
		}
	}
	w.settle()
	return o
}

// must compares an order with what it must be.
func (w *world) must(o placed, status orderv1.OrderStatus_Value, payment orderv1.PaymentStatus_Value) {
	w.Helper()
	if got := w.order(o); got.GetStatus() != status || got.GetPaymentStatus() != payment {
		w.Errorf("the order is %s, its payment %s; want %s and %s", got.GetStatus(), got.GetPaymentStatus(), status, payment)
	}
}

func (w *world) mustBeCancelledFor(o placed, cause orderv1.CancelCause_Value) {
	w.Helper()
	if got := w.order(o).GetCancelCause(); got != cause {
		w.Errorf("the order was cancelled for %s, want %s", got, cause)
	}
}

// mustTell compares a key's events, of which at least these must have come in this order.
func (w *world) mustTell(topic string, o placed, types ...string) {
	w.Helper()
	if told := w.story(topic, o.id); !told.has(types...) {
		w.Errorf("%s of the order tells %v, want %v among them", topic, told, types)
	}
}

// ends lets everything come to rest and checks the invariants.
func (w *world) ends() {
	w.Helper()
	w.rest()
	w.mustHold()
}

// fact is the order as the checks see it.
func (w *world) fact(o placed) order.OrderFact {
	w.Helper()
	facts, err := order.OrderFacts(context.Background(), w.services["order"].DB)
	if err != nil {
		w.Fatalf("orders: %v", err)
	}
	i := slices.IndexFunc(facts, func(f order.OrderFact) bool { return f.ID == o.id })
	if i < 0 {
		w.Fatalf("there is no order %s", o.id)
	}
	return facts[i]
}

// deliver hands records to every consumer of their topic, outside of any offset.
func (w *world) deliver(records ...kafka.Record) {
	w.Helper()
	for _, record := range records {
		for _, r := range w.readers {
			if r.log.name == record.Topic {
				w.process(r, []kafka.Record{record})
			}
		}
	}
}

// all are the records of all topics, in the order in which each topic has them.
func (w *world) all() []kafka.Record {
	var records []kafka.Record
	for _, topic := range w.topicNames() {
		records = append(records, w.logs[topic].records...)
	}
	return records
}

func (w *world) topicNames() []string {
	var topics []string
	for topic := range w.logs {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics
}
