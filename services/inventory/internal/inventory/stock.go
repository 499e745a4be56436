package inventory

import (
	"fmt"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/inventoryv1"
)

// Stock is how much of a product there is, in pieces. At every moment
// OnHand = Initial + Adjustments - Committed + Returned and 0 <= Reserved <= OnHand.
type Stock struct {
	OnHand      int64
	Reserved    int64 // of OnHand, held for orders
	Initial     int64
	Adjustments int64 // sum of what staff added and took, without Initial
	Committed   int64 // sum of what left for orders
	Returned    int64 // sum of what came back from cancelled orders

	LowThreshold int64 // a LowStock event tells when Available falls to it or below
	Sequence     int64 // of the last event of the product in inventory.events
}

// Available is what can still be had.
func (s *Stock) Available() int64 { return s.OnHand - s.Reserved }

func (s *Stock) reserve(pieces int64)  { s.Reserved += pieces }
func (s *Stock) release(pieces int64)  { s.Reserved -= pieces }
func (s *Stock) commit(pieces int64)   { s.OnHand -= pieces; s.Committed += pieces }
func (s *Stock) giveBack(pieces int64) { s.OnHand += pieces; s.Returned += pieces }

// Apply folds one of the product's own stock events into the levels. The first StockAdjusted of a product is its
// initial stock.
func (s *Stock) Apply(event Event) error {
	switch e := event.(type) {
	case *inventoryv1.StockAdjusted:
		if s.Sequence == 0 {
			s.Initial = e.Delta
		} else {
			s.Adjustments += e.Delta
		}
		s.OnHand += e.Delta
	case *inventoryv1.LowStock:
	default:
		return fmt.Errorf("%s is not an event of a product's stock", event.RecordName())
	}
	s.Sequence++
	return nil
}

// Adjust adds delta pieces to the stock or takes them away. What orders hold can't be taken: FailedPrecondition,
// INSUFFICIENT_STOCK, naming what is available.
func Adjust(p *Product, delta int64, reason, actor string, now time.Time) ([]Event, error) {
	available := p.Stock.Available()
	if available+delta < 0 {
		return nil, errs.New(errs.FailedPrecondition, "INSUFFICIENT_STOCK",
			"product %s: %d pieces can't be taken, %d are available", p.ID, -delta, available).
			With("product_id", p.ID).With("available", fmt.Sprint(available))
	}
	events := []Event{&inventoryv1.StockAdjusted{
		ProductID: p.ID, Delta: delta, OnHand: p.Stock.OnHand + delta, Reason: reason, Actor: actor, OccurredAt: now,
	}}
	if low := p.fallingLow(-delta, now); low != nil {
		events = append(events, low)
	}
	return events, nil
}
