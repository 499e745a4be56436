package app

import (
	"context"

	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/sqldb"
)

// StockFact is a product's stock as a check across services sees it, in pieces.
type StockFact struct {
	ProductID        string
	OnHand, Reserved int64
	Initial          int64
	Adjusted         int64 // sum of the adjustments after the initial stock
	Committed        int64
	Returned         int64
}

// StockFacts reads the stock of all products.
func StockFacts(ctx context.Context, q sqldb.Querier) ([]StockFact, error) {
	levels, err := store.Levels(ctx, q)
	if err != nil {
		return nil, err
	}
	facts := make([]StockFact, len(levels))
	for i, l := range levels {
		facts[i] = StockFact{
			ProductID: l.ProductID, OnHand: l.OnHand, Reserved: l.Reserved,
			Initial: l.Initial, Adjusted: l.Adjustments, Committed: l.Committed, Returned: l.Returned,
		}
	}
	return facts, nil
}

// ReservationFact is what an order holds, or took, as a check across services sees it.
type ReservationFact struct {
	OrderID string
	Status  string           // HELD, REJECTED, COMMITTED, RELEASED, EXPIRED, RETURNED or COMMIT_FAILED
	Items   map[string]int64 // pieces by product; empty when nothing was ever held
}

// factsPage is how many reservations are read at once.
const factsPage = 500

// ReservationFacts reads all reservations, those of the newest orders first.
func ReservationFacts(ctx context.Context, q sqldb.Querier) ([]ReservationFact, error) {
	var facts []ReservationFact
	filter := store.ReservationFilter{Limit: factsPage}
	for {
		page, err := store.ReservationPage(ctx, q, filter)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			fact := ReservationFact{OrderID: r.OrderID, Status: string(r.Status), Items: make(map[string]int64, len(r.Lines))}
			for _, line := range r.Lines {
				fact.Items[line.ProductID] += int64(line.Quantity)
			}
			facts = append(facts, fact)
		}
		if len(page) < factsPage {
			return facts, nil
		}
		filter.Before = page[len(page)-1].OrderID
	}
}
