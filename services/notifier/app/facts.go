package app

import (
	"context"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// DeliveryFact is a delivery as a check across services sees it.
type DeliveryFact struct {
	NotificationID, OrderID, FactID, FactType, Channel, Recipient, Status string
}

// DeliveryFacts reads all deliveries.
func DeliveryFacts(ctx context.Context, q sqldb.Querier) ([]DeliveryFact, error) {
	rows, err := q.QueryContext(ctx, `SELECT n.id, n.order_id, n.fact_id, n.fact_type, d.channel, d.recipient, d.status
		FROM notifications n JOIN deliveries d ON d.notification_id = n.id ORDER BY n.id, d.position`)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	var facts []DeliveryFact
	for rows.Next() {
		var f DeliveryFact
		if err := rows.Scan(&f.NotificationID, &f.OrderID, &f.FactID, &f.FactType, &f.Channel, &f.Recipient, &f.Status); err != nil {
			return nil, fmt.Errorf("read deliveries: %w", err)
		}
		facts = append(facts, f)
	}
	return facts, rows.Err()
}
