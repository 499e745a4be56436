package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// Changed is the signal of a commit that changed an order or what other services said about one.
const Changed = "orders"

// Mark tells how much has happened to an order. Two that are equal tell that nothing did in between.
type Mark struct {
	Own       int64 // sequence of the last own event
	Witnessed int64 // how many events of other services
}

// Marks reads the marks of the orders that are there, by id.
func Marks(ctx context.Context, q sqldb.Querier, ids []string) (map[string]Mark, error) {
	marks := make(map[string]Mark, len(ids))
	_, err := sqldb.CollectIn(ctx, q, func(row sqldb.Scanner) (none struct{}, err error) {
		var id string
		var m Mark
		err = row.Scan(&id, &m.Own, &m.Witnessed)
		marks[id] = m
		return none, err
	}, `SELECT id, version, (SELECT COUNT(*) FROM order_history WHERE order_id = orders.id) FROM orders WHERE id`, ids, "")
	if err != nil {
		return nil, fmt.Errorf("marks of orders: %w", err)
	}
	return marks, nil
}
