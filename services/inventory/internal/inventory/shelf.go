package inventory

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"orderflow.example/schemas/inventoryv1"
)

// Shelf holds the products that one unit of work sees, by id. All decisions of a batch work on the same shelf, one
// after the other, so each sees what those before it took. A product that is not on it is unknown.
type Shelf map[string]*Product

// Apply folds an event of the reservation into it and moves the stock accordingly.
func (s Shelf) Apply(r *Reservation, event Event) error {
	if err := s.move(r.Status, event); err != nil {
		return err
	}
	return r.Apply(event)
}

// move changes the stock levels by what an event says of an order whose reservation had the status before it.
func (s Shelf) move(before Status, event Event) error {
	switch e := event.(type) {
	case *inventoryv1.StockReserved:
		return s.each(e.Items, (*Stock).reserve)
	case *inventoryv1.StockCommitted:
		if before == Held {
			if err := s.each(e.Items, (*Stock).release); err != nil {
				return err
			}
		}
		return s.each(e.Items, (*Stock).commit)
	case *inventoryv1.StockReleased:
		return s.each(e.Items, (*Stock).release)
	case *inventoryv1.ReservationExpired:
		return s.each(e.Items, (*Stock).release)
	case *inventoryv1.StockReturned:
		return s.each(e.Items, (*Stock).giveBack)
	default:
		return nil
	}
}

func (s Shelf) each(lines []inventoryv1.StockLine, change func(*Stock, int64)) error {
	for _, line := range lines {
		product := s[line.ProductID]
		if product == nil {
			return fmt.Errorf("product %q of a reservation is not on the shelf", line.ProductID)
		}
		change(&product.Stock, int64(line.Quantity))
	}
	return nil
}

// shortages names every line that can't be had whole. What is unknown or archived has nothing available.
func (s Shelf) shortages(lines []inventoryv1.StockLine) []inventoryv1.Shortage {
	var short []inventoryv1.Shortage
	for _, line := range lines {
		var available int64
		if product := s[line.ProductID]; product != nil && !product.Archived {
			available = product.Stock.Available()
		}
		if available < int64(line.Quantity) {
			short = append(short, inventoryv1.Shortage{ProductID: line.ProductID, Requested: line.Quantity, Available: available})
		}
	}
	return short
}

// fallingLow warns of each product whose free stock the lines, about to be taken, bring from above its threshold down to
// it or below. A product that is low already has been warned of.
func (s Shelf) fallingLow(lines []inventoryv1.StockLine, now time.Time) []Event {
	var events []Event
	for _, line := range lines {
		if low := s[line.ProductID].fallingLow(int64(line.Quantity), now); low != nil {
			events = append(events, low)
		}
	}
	return events
}

// explain says to the customer what was not to be had. It names three products at most, so that it stays far below the
// 500 characters of a reason.
func explain(short []inventoryv1.Shortage) string {
	const named = 3
	var b strings.Builder
	b.WriteString("Not in stock: ")
	for i, s := range short[:min(len(short), named)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%d asked for, %d available)", s.ProductID, s.Requested, s.Available)
	}
	if more := len(short) - named; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	b.WriteByte('.')
	return b.String()
}

func byProduct(a, b inventoryv1.StockLine) int { return cmp.Compare(a.ProductID, b.ProductID) }
