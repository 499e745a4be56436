package inventory

import (
	"fmt"
	"slices"
	"time"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
)

// The part of an order's saga that inventory plays. Each fact meets each status once in this table; a dash is a fact
// that changes nothing, because it is a duplicate, comes late, or was answered before.
//
//	             | OrderPlaced               | OrderConfirmed                    | OrderCancelled        | expiry
//	none         | StockReserved or Rejected | StockCommitted or CommitFailed    | StockReleased, empty  | -
//	HELD         | -                         | StockCommitted                    | StockReleased         | ReservationExpired
//	REJECTED     | -                         | StockCommitFailed                 | -                     | -
//	EXPIRED      | -                         | StockCommitted or CommitFailed    | StockReleased, empty  | -
//	COMMITTED    | -                         | -                                 | StockReturned         | -
//	COMMIT_FAILED, RELEASED, RETURNED: final, nothing changes them.
//
// Two entries are there so that no later fact takes stock for a cancelled order: none + OrderCancelled leaves a
// tombstone that absorbs the OrderPlaced behind it, and EXPIRED + OrderCancelled closes a hold that an OrderConfirmed
// could otherwise take again. And an OrderConfirmed is always answered, so that no order waits for ever: one whose
// OrderPlaced was never seen carries its items itself.

// Place answers an OrderPlaced: it holds all of the order's items for the given time, or rejects the order naming every
// product that falls short. An error means that the event itself makes no sense.
func Place(r *Reservation, shelf Shelf, placed *orderv1.OrderPlaced, hold time.Duration, now time.Time) ([]Event, error) {
	if r.Status != None {
		return nil, nil
	}
	lines, err := linesOf(placed.Items)
	if err != nil {
		return nil, err
	}
	if short := shelf.shortages(lines); len(short) > 0 {
		return []Event{&inventoryv1.StockRejected{
			OrderID: r.OrderID, Shortages: short, Reason: explain(short), OccurredAt: now,
		}}, nil
	}
	reserved := &inventoryv1.StockReserved{OrderID: r.OrderID, Items: lines, ExpiresAt: now.Add(hold), OccurredAt: now}
	return append([]Event{reserved}, shelf.fallingLow(lines, now)...), nil
}

// Confirm answers an OrderConfirmed: what is held leaves the stock for good; what is no longer held leaves it if all of
// it can still be had. An error means that the event itself makes no sense.
func Confirm(r *Reservation, shelf Shelf, confirmed *orderv1.OrderConfirmed, now time.Time) ([]Event, error) {
	switch r.Status {
	case Held:
		return []Event{&inventoryv1.StockCommitted{OrderID: r.OrderID, Items: r.Lines, OccurredAt: now}}, nil
	case Expired:
		return takeNow(r, shelf, r.Lines, now), nil
	case None:
		lines, err := linesOf(confirmed.Items)
		if err != nil {
			return nil, err
		}
		return takeNow(r, shelf, lines, now), nil
	case Rejected:
		return []Event{&inventoryv1.StockCommitFailed{
			OrderID: r.OrderID, Reason: "The order's items were refused before it was confirmed.", OccurredAt: now,
		}}, nil
	default:
		return nil, nil
	}
}

// takeNow commits what is not held, all of it or nothing.
func takeNow(r *Reservation, shelf Shelf, lines []inventoryv1.StockLine, now time.Time) []Event {
	if short := shelf.shortages(lines); len(short) > 0 {
		return []Event{&inventoryv1.StockCommitFailed{
			OrderID: r.OrderID, Shortages: short, Reason: explain(short), OccurredAt: now,
		}}
	}
	committed := &inventoryv1.StockCommitted{OrderID: r.OrderID, Items: lines, OccurredAt: now}
	return append([]Event{committed}, shelf.fallingLow(lines, now)...)
}

// Cancel answers an OrderCancelled: what is held or has left the stock comes back, and nothing can be taken for this
// order any more.
func Cancel(r *Reservation, now time.Time) []Event {
	switch r.Status {
	case Held:
		return []Event{&inventoryv1.StockReleased{OrderID: r.OrderID, Items: r.Lines, OccurredAt: now}}
	case Committed:
		return []Event{&inventoryv1.StockReturned{OrderID: r.OrderID, Items: r.Lines, OccurredAt: now}}
	case None, Expired:
		return []Event{&inventoryv1.StockReleased{OrderID: r.OrderID, OccurredAt: now}}
	default:
		return nil
	}
}

// Expire ends a hold whose time is over at the instant due.
func Expire(r *Reservation, due, now time.Time) []Event {
	if r.Status != Held || r.ExpiresAt.After(due) {
		return nil
	}
	return []Event{&inventoryv1.ReservationExpired{OrderID: r.OrderID, Items: r.Lines, OccurredAt: now}}
}

// maxPieces bounds a line, far above any order that the order service accepts (50 lines of 1,000 pieces).
const maxPieces = 1_000_000

// linesOf sums an order's items per product, by product id.
func linesOf(items []orderv1.OrderItem) ([]inventoryv1.StockLine, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("the order has no items")
	}
	lines := make([]inventoryv1.StockLine, 0, len(items))
	for i, item := range items {
		if item.ProductID == "" || item.Quantity < 1 || item.Quantity > maxPieces {
			return nil, fmt.Errorf("items[%d]: %d of product %q", i, item.Quantity, item.ProductID)
		}
		lines = append(lines, inventoryv1.StockLine{ProductID: item.ProductID, Quantity: item.Quantity})
	}
	slices.SortFunc(lines, byProduct)
	summed := lines[:1]
	for _, line := range lines[1:] {
		last := &summed[len(summed)-1]
		if line.ProductID != last.ProductID {
			summed = append(summed, line)
			continue
		}
		if last.Quantity += line.Quantity; last.Quantity > maxPieces {
			return nil, fmt.Errorf("%d pieces of product %q", last.Quantity, line.ProductID)
		}
	}
	return summed, nil
}
