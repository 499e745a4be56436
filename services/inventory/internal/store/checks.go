package store

import (
	"context"
	"fmt"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// Checks are the invariants of products, stock and reservations.
func Checks(decode outbox.Decode) []check.Check {
	return []check.Check{
		{Name: "no product is oversold", Run: overLevels(notOversold)},
		{Name: "reserved stock is what orders hold", Run: overLevels(heldByOrders)},
		{Name: "on_hand = initial + adjustments - committed + returned", Run: overLevels(addsUp)},
		{Name: "the trail of adjustments adds up to the stock", Run: trailed},
		{Name: "products and reservations are the fold of their events", Run: func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
			return Verify(ctx, q, decode)
		}},
	}
}

// Level is a product's stock as its row has it, and as the reservations of all orders add up.
type Level struct {
	ProductID string
	inventory.Stock
	Held  int64 // sum of what orders hold
	Taken int64 // sum of what left for orders, whether or not it came back
	Back  int64 // sum of what came back
}

// Levels reads the stock of all products in one statement, so that it is one moment's.
func Levels(ctx context.Context, q sqldb.Querier) ([]Level, error) {
	levels, err := sqldb.Collect(ctx, q, scanLevel, `SELECT s.product_id, s.on_hand, s.reserved, s.initial, s.adjustments, s.committed, s.returned,
			COALESCE(o.held, 0), COALESCE(o.taken, 0), COALESCE(o.back, 0)
		FROM stock s LEFT JOIN (
			SELECT l.product_id,
				CAST(SUM(CASE WHEN r.status = 'HELD' THEN l.quantity ELSE 0 END) AS BIGINT) AS held,
				CAST(SUM(CASE WHEN r.status IN ('COMMITTED', 'RETURNED') THEN l.quantity ELSE 0 END) AS BIGINT) AS taken,
				CAST(SUM(CASE WHEN r.status = 'RETURNED' THEN l.quantity ELSE 0 END) AS BIGINT) AS back
			FROM reservation_lines l JOIN reservations r ON r.order_id = l.order_id GROUP BY l.product_id
		) o ON o.product_id = s.product_id ORDER BY s.product_id`)
	if err != nil {
		return nil, fmt.Errorf("read stock levels: %w", err)
	}
	return levels, nil
}

func scanLevel(row sqldb.Scanner) (l Level, err error) {
	err = row.Scan(&l.ProductID, &l.OnHand, &l.Reserved, &l.Initial, &l.Adjustments, &l.Committed, &l.Returned, &l.Held, &l.Taken, &l.Back)
	return l, err
}

// overLevels checks each product; a rule says what is wrong, or nothing.
func overLevels(rule func(Level) string) func(context.Context, sqldb.Querier) (check.Result, error) {
	return func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
		levels, err := Levels(ctx, q)
		if err != nil {
			return check.Result{}, err
		}
		result := check.Result{Count: int64(len(levels))}
		for _, level := range levels {
			if wrong := rule(level); wrong != "" {
				result.Violations = append(result.Violations, fmt.Sprintf("product %s: %s", level.ProductID, wrong))
			}
		}
		return result, nil
	}
}

func notOversold(l Level) string {
	if l.Reserved < 0 || l.Reserved > l.OnHand || l.Held > l.OnHand {
		return fmt.Sprintf("%d on hand, %d reserved, orders hold %d", l.OnHand, l.Reserved, l.Held)
	}
	return ""
}

func heldByOrders(l Level) string {
	if l.Reserved != l.Held {
		return fmt.Sprintf("%d reserved, orders hold %d", l.Reserved, l.Held)
	}
	return ""
}

func addsUp(l Level) string {
	if l.Committed != l.Taken || l.Returned != l.Back || l.OnHand != l.Initial+l.Adjustments-l.Taken+l.Back {
		return fmt.Sprintf("%d on hand, initial %d, adjustments %d, committed %d (orders took %d), returned %d (orders brought back %d)",
			l.OnHand, l.Initial, l.Adjustments, l.Committed, l.Taken, l.Returned, l.Back)
	}
	return ""
}
