package inventory

import (
	"fmt"
	"strings"
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

const hold = 15 * time.Minute

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// house is a shelf, the reservations of its orders, and every event so far.
type house struct {
	tester
	shelf  Shelf
	orders map[string]*Reservation
	log    []Event
}

// newHouse has a product of that stock for each id, with no threshold to fall to.
func newHouse(t tester, stock map[string]int64) *house {
	h := &house{tester: t, shelf: Shelf{}, orders: map[string]*Reservation{}}
	for id, pieces := range stock {
		h.add(NewProduct{ID: id, SKU: "SKU-" + id, Name: id, Price: 100, Currency: "KRW", InitialStock: pieces})
	}
	h.log = nil
	return h
}

func (h *house) add(n NewProduct) *Product {
	product, events := Create(n, "u1", noon)
	h.shelf[n.ID] = product
	h.record(nil, events)
	return product
}

func (h *house) order(id string) *Reservation {
	if h.orders[id] == nil {
		h.orders[id] = &Reservation{OrderID: id}
	}
	return h.orders[id]
}

// record folds events into what they are about, as the store does.
func (h *house) record(r *Reservation, events []Event) []Event {
	h.Helper()
	for _, event := range events {
		var err error
		switch e := event.(type) {
		case *inventoryv1.ProductChanged:
			err = h.shelf[e.ProductID].Apply(e)
		case *inventoryv1.StockAdjusted:
			err = h.shelf[e.ProductID].Stock.Apply(e)
		case *inventoryv1.LowStock:
			err = h.shelf[e.ProductID].Stock.Apply(e)
		default:
			err = h.shelf.Apply(r, e)
		}
		if err != nil {
			h.Fatalf("%s: %v", event.RecordName(), err)
		}
	}
	h.log = append(h.log, events...)
	h.checkStock()
	return events
}

func (h *house) checkStock() {
	h.Helper()
	for id, product := range h.shelf {
		if err := contradiction(product.Stock); err != nil {
			h.Fatalf("product %s: %v", id, err)
		}
	}
}

func (h *house) must(events []Event, err error) []Event {
	h.Helper()
	if err != nil {
		h.Fatalf("%v", err)
	}
	return events
}

func (h *house) place(id string, items ...orderv1.OrderItem) []Event {
	h.Helper()
	r := h.order(id)
	return h.record(r, h.must(Place(r, h.shelf, &orderv1.OrderPlaced{OrderID: id, Items: items}, hold, noon)))
}

func (h *house) confirm(id string, items ...orderv1.OrderItem) []Event {
	h.Helper()
	r := h.order(id)
	return h.record(r, h.must(Confirm(r, h.shelf, &orderv1.OrderConfirmed{OrderID: id, Items: items}, noon)))
}

func (h *house) cancel(id string) []Event {
	h.Helper()
	return h.record(h.order(id), Cancel(h.order(id), noon))
}

func (h *house) expire(id string, due time.Time) []Event {
	h.Helper()
	return h.record(h.order(id), Expire(h.order(id), due, noon))
}

func item(product string, quantity int32) orderv1.OrderItem {
	return orderv1.OrderItem{ProductID: product, Quantity: quantity}
}

// levels is a product's stock in short.
func (h *house) levels(product string) string {
	s := h.shelf[product].Stock
	return fmt.Sprintf("on_hand %d reserved %d", s.OnHand, s.Reserved)
}

// names lists events by type, without the package.
func names(events []Event) string {
	var short []string
	for _, e := range events {
		name := e.RecordName()
		short = append(short, name[strings.LastIndexByte(name, '.')+1:])
	}
	return strings.Join(short, " ")
}

// contradiction says how the levels contradict each other; it is nil when they don't.
func contradiction(s Stock) error {
	switch expected := s.Initial + s.Adjustments - s.Committed + s.Returned; {
	case s.OnHand != expected:
		return fmt.Errorf("on_hand %d, but initial %d + adjustments %d - committed %d + returned %d = %d",
			s.OnHand, s.Initial, s.Adjustments, s.Committed, s.Returned, expected)
	case s.Reserved < 0:
		return fmt.Errorf("reserved %d is below 0", s.Reserved)
	case s.Reserved > s.OnHand:
		return fmt.Errorf("oversold: reserved %d of %d on hand", s.Reserved, s.OnHand)
	}
	return nil
}
