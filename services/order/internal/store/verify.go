package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/schemas"
)

// Verify compares every order's row with the fold of its event log. It may run beside the service. It shows no values:
// some are personal.
func Verify(ctx context.Context, q sqldb.Querier, decode outbox.Decode) (check.Result, error) {
	return outbox.Verify(ctx, q, decode, outbox.Fold[*order.Order, order.Event]{
		Topic:       schemas.OrderEvents,
		New:         func(id string) *order.Order { return &order.Order{ID: id} },
		Apply:       (*order.Order).Apply,
		Rows:        rowsOf,
		Sequence:    func(row *order.Order) int64 { return row.Version },
		Differences: func(folded, row *order.Order) []string { return outbox.DifferentFields(*folded, *row) },
		Keys:        []outbox.Keys{{Table: "orders", Column: "id"}},
	})
}

func rowsOf(ctx context.Context, q sqldb.Querier, folded map[string]*order.Order) (map[string]*order.Order, error) {
	all, err := sqldb.CollectIn(ctx, q, scan, "SELECT "+columnList+" FROM orders WHERE id", slices.Collect(maps.Keys(folded)), "")
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	found := make(map[string]*order.Order, len(all))
	for _, o := range all {
		found[o.ID] = o
	}
	return found, nil
}
