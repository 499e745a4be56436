package app

import (
	"context"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

// OrderFact is an order as a check across services sees it. Amounts are minor units of the currency.
type OrderFact struct {
	ID, Number, UserID    string
	Status, PaymentStatus string
	CancelCause           string // empty: not cancelled
	Step                  string // of the saga; empty: nothing is under way
	Total, RefundedTotal  int64
	Currency              string
	Version               int64 // number of the order's own events
	Items                 []ItemFact
}

// ItemFact is a line of an order.
type ItemFact struct {
	ProductID string
	Quantity  int32
	UnitPrice int64
}

// factsPage is how many orders are read at once.
const factsPage = 500

// OrderFacts reads all orders, newest first.
func OrderFacts(ctx context.Context, q sqldb.Querier) ([]OrderFact, error) {
	var facts []OrderFact
	var after *store.Position
	for {
		page, err := store.List(ctx, q, store.Filter{}, after, factsPage)
		if err != nil {
			return nil, err
		}
		for _, o := range page {
			fact := OrderFact{
				ID: o.ID, Number: o.Number, UserID: o.UserID, Status: string(o.Status), PaymentStatus: string(o.PaymentStatus),
				CancelCause: o.CancelCause, Step: string(o.Step), Total: o.Total, RefundedTotal: o.RefundedTotal, Currency: o.Currency,
				Version: o.Version,
			}
			for _, item := range o.Items {
				fact.Items = append(fact.Items, ItemFact{item.ProductID, item.Quantity, item.UnitPrice})
			}
			facts = append(facts, fact)
		}
		if len(page) < factsPage {
			return facts, nil
		}
		last := page[len(page)-1]
		after = &store.Position{At: last.CreatedAt, ID: last.ID}
	}
}
