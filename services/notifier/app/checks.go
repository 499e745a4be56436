package app

import (
	"context"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// OrdersToTell are the orders of which a delivery is queued.
func OrdersToTell(ctx context.Context, q sqldb.Querier) ([]string, error) {
	ids, err := sqldb.Collect(ctx, q, sqldb.Column[string], `SELECT DISTINCT n.order_id FROM jobs j
		JOIN deliveries d ON d.id = j.key JOIN notifications n ON n.id = d.notification_id`)
	if err != nil {
		return nil, fmt.Errorf("read queued deliveries: %w", err)
	}
	return ids, nil
}
