package property

import (
	"slices"
	"testing"
	"time"

	"orderflow.example/kit/kafka"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas/inventoryv1"
	events "orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// disorder delivers one type of event wrongly, and everything else as it should be.
type disorder struct {
	*world
	kind string // ce_type; empty: all in order
	late bool   // delivered after the next event of its key, when there is one; otherwise: delivered twice
	held map[*reader][]kafka.Record
}

// settle is world.settle with the disorder.
func (d *disorder) settle() {
	for range 500 {
		moved := 0
		for _, name := range names {
			if !d.mute[name] {
				moved += d.relay(name, 1000, false)
			}
		}
		for _, r := range d.readers {
			moved += d.takeAll(r)
		}
		if moved += d.allWork(); moved == 0 && d.release() == 0 {
			return
		}
	}
	d.Fatalf("the platform does not settle")
}

func (d *disorder) takeAll(r *reader) int {
	batch := r.waiting()
	for _, record := range batch {
		switch {
		case record.Headers["ce_type"] != d.kind:
			d.process(r, []kafka.Record{record})
			d.releaseKey(r, record.Key)
		case d.late:
			d.held[r] = append(d.held[r], record)
		default:
			d.process(r, []kafka.Record{record})
			d.process(r, []kafka.Record{record})
		}
	}
	r.offset += len(batch)
	return len(batch)
}

// releaseKey delivers what is held of a key, once a later event of it was delivered.
func (d *disorder) releaseKey(r *reader, key string) {
	d.held[r] = slices.DeleteFunc(d.held[r], func(record kafka.Record) bool {
		if record.Key != key {
			return false
		}
		d.process(r, []kafka.Record{record})
		return true
	})
}

// release delivers all that is held, because nothing comes after it.
func (d *disorder) release() int {
	released := 0
	for _, r := range d.readers {
		for _, record := range d.held[r] {
			d.process(r, []kafka.Record{record})
			released++
		}
		d.held[r] = nil
	}
	return released
}

// plots lead orders through every event that there is.
var plots = map[string]func(d *disorder){
	"paid, delivered, refunded in parts": func(d *disorder) {
		o := d.place("tok_ok", "p1", 2, "p2", 1)
		d.settle()
		d.move(o, orderv1.OrderStatus_PROCESSING)
		d.settle()
		d.move(o, orderv1.OrderStatus_SHIPPED)
		d.settle()
		d.move(o, orderv1.OrderStatus_DELIVERED)
		d.refund(o, 50)
		d.settle()
		d.refund(o, 0)
		d.settle()
	},
	"declined": func(d *disorder) { d.place("tok_declined", "p1", 2); d.settle() },
	"sold out": func(d *disorder) { d.place("tok_ok", "p1", 2, "p2", 6); d.settle() },
	"cancelled while pending": func(d *disorder) {
		d.mute["payment"] = true
		o := d.place("tok_ok", "p1", 2)
		d.settle()
		d.cancel(o, customer(o.user))
		d.settle()
		d.mute["payment"] = false
		d.settle()
	},
	"cancelled when it was paid": func(d *disorder) {
		o := d.place("tok_ok", "p1", 2)
		d.settle()
		d.cancel(o, customer(o.user))
		d.settle()
	},
	"the capture is refused": func(d *disorder) { d.place("tok_capture_declined", "p1", 2); d.settle() },
	"the refund is refused": func(d *disorder) {
		o := d.place("tok_refund_declined", "p1", 2)
		d.settle()
		d.move(o, orderv1.OrderStatus_PROCESSING)
		d.move(o, orderv1.OrderStatus_SHIPPED)
		d.refund(o, 0)
		d.settle()
	},
	"the reservation expires, and is taken again": func(d *disorder) {
		d.mute["payment"] = true
		d.place("tok_ok", "p1", 2)
		d.settle()
		d.mute["order"], d.mute["payment"] = true, false
		d.settle()
		d.clock.advance(16 * time.Minute)
		d.fire("inventory")
		d.mute["order"] = false
		d.settle()
	},
	"the reservation expires, and the stock is gone": func(d *disorder) {
		d.mute["payment"] = true
		d.place("tok_ok", "p1", 2)
		d.settle()
		d.mute["order"], d.mute["payment"] = true, false
		d.settle()
		d.clock.advance(16 * time.Minute)
		d.fire("inventory")
		d.loseStock("p1")
		d.mute["order"] = false
		d.settle()
	},
	"the catalogue changes": func(d *disorder) {
		d.adjust("p1", -1)
		d.reprice("p1", 70)
		d.settle()
		d.reprice("p1", 80)
		d.adjust("p1", 9)
		d.settle()
		d.place("tok_ok", "p1", 2)
		d.settle()
	},
}

// ending is what a plot leads to, whatever was doubled or late.
type ending struct {
	status, payment, cause string
	total, refunded        int64
}

func (d *disorder) ending() []ending {
	var all []ending
	for _, o := range d.placed {
		f := d.fact(o)
		all = append(all, ending{f.Status, f.PaymentStatus, f.CancelCause, f.Total, f.RefundedTotal})
	}
	return all
}

// Every type of event may come twice, and after the event that follows it: the end is the same.
func TestEveryEventDoubledAndReordered(t *testing.T) {
	w := stage(t)
	play := func(t *testing.T, plot func(*disorder), kind string, late bool) []ending {
		w.begin(t)
		d := &disorder{world: w, kind: kind, late: late, held: map[*reader][]kafka.Record{}}
		w.sell("p1", 100, 5)
		w.sell("p2", 250, 5)
		plot(d)
		w.deliver(w.all()...) // and everything once more
		w.ends()
		return d.ending()
	}
	met := map[string]bool{}
	for name, plot := range plots {
		t.Run(name, func(t *testing.T) {
			want := play(t, plot, "", false)
			for _, kind := range w.kinds() {
				met[kind] = true
				for _, how := range []string{"twice", "late"} {
					t.Run(kind+" "+how, func(t *testing.T) {
						if got := play(t, plot, kind, how == "late"); !slices.Equal(got, want) {
							t.Errorf("it ends as %+v, in order as %+v", got, want)
						}
					})
				}
			}
		})
	}
	for _, kind := range consumed() {
		if !met[kind] {
			t.Errorf("no plot has %s", kind)
		}
	}
}

// kinds are the types of the events in the topics that are consumed.
func (w *world) kinds() []string {
	var kinds []string
	for _, r := range w.readers {
		for _, record := range r.log.records {
			kinds = append(kinds, record.Headers["ce_type"])
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// consumed are the types that some service is there for: all but OrderUpdated, which every one ignores.
func consumed() []string {
	var kinds []string
	for _, types := range []map[string]func() any{events.Events, inventoryv1.Events, paymentv1.Events} {
		for name := range types {
			if name != (*events.OrderUpdated)(nil).RecordName() {
				kinds = append(kinds, name)
			}
		}
	}
	return kinds
}
