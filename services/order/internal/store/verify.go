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
// some are personal. The payment token of an order that waits for stock is in no event; a row that still has one later
// is a violation.
func Verify(ctx context.Context, q sqldb.Querier, decode outbox.Decode) (check.Result, error) {
	return outbox.Verify(ctx, q, decode, outbox.Fold[*order.Order, order.Event]{
		Topic:       schemas.OrderEvents,
		New:         func(id string) *order.Order { return &order.Order{ID: id} },
		Apply:       (*order.Order).Apply,
		Rows:        rowsOf,
		Sequence:    func(row *order.Order) int64 { return row.Version },
		Differences: differences,
		Keys:        []outbox.Keys{{Table: "orders", Column: "id"}},
	})
}

func differences(folded, row *order.Order) []string {
	expected := *folded
	if expected.Step == order.ReserveStock {
		expected.PaymentToken = row.PaymentToken
	}
	return outbox.DifferentFields(expected, *row)
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
