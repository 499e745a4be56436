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
	facts, err := sqldb.Collect(ctx, q, func(row sqldb.Scanner) (f DeliveryFact, err error) {
		err = row.Scan(&f.NotificationID, &f.OrderID, &f.FactID, &f.FactType, &f.Channel, &f.Recipient, &f.Status)
		return f, err
	}, `SELECT n.id, n.order_id, n.fact_id, n.fact_type, d.channel, d.recipient, d.status
		FROM notifications n JOIN deliveries d ON d.notification_id = n.id ORDER BY n.id, d.position`)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return facts, nil
}
