package inventory

import (
	"fmt"
	"time"

	"orderflow.example/schemas/inventoryv1"
)

// Reservation is what one order holds of the stock: all of its items or none. It is the fold of its events.
type Reservation struct {
	OrderID   string
	Status    Status
	Lines     []inventoryv1.StockLine // one per product, by product id; none while nothing was ever held
	ExpiresAt time.Time               // zero while nothing was ever held
	Sequence  int64                   // of the last event
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Apply folds one event into the reservation. An event that is not a reservation's is an error.
func (r *Reservation) Apply(event Event) error {
	var at time.Time
	switch e := event.(type) {
	case *inventoryv1.StockReserved:
		r.Status, r.Lines, r.ExpiresAt, at = Held, e.Items, e.ExpiresAt, e.OccurredAt
	case *inventoryv1.StockRejected:
		r.Status, at = Rejected, e.OccurredAt
	case *inventoryv1.StockCommitted:
		r.Status, r.Lines, at = Committed, e.Items, e.OccurredAt
	case *inventoryv1.StockCommitFailed:
		r.Status, at = CommitFailed, e.OccurredAt
	case *inventoryv1.StockReleased:
		at = e.OccurredAt
		if r.Status == None {
			r.Status = Rejected
		} else {
			r.Status = Released
		}
	case *inventoryv1.ReservationExpired:
		r.Status, at = Expired, e.OccurredAt
	case *inventoryv1.StockReturned:
		r.Status, at = Returned, e.OccurredAt
	default:
		return fmt.Errorf("%s is not an event of a reservation", event.RecordName())
	}
	if r.Sequence == 0 {
		r.CreatedAt = at
	}
	r.Sequence++
	r.UpdatedAt = at
	return nil
}
