package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
)

// PaymentsAgree checks that each order's payment status and refunds go with its status.
func PaymentsAgree(ctx context.Context, q sqldb.Querier) (check.Result, error) {
	var result check.Result
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count orders: %w", err)
	}
	var err error
	result.Violations, err = sqldb.Collect(ctx, q, disagreement, `SELECT id, status, payment_status, refunded_total, total FROM orders
		WHERE refunded_total > total
		   OR (status = 'REFUNDED') <> (refunded_total = total)
		   OR payment_status NOT IN (
			CASE status WHEN 'PENDING' THEN 'PENDING' WHEN 'CONFIRMED' THEN 'PROCESSING' WHEN 'REFUNDED' THEN 'REFUNDED'
				WHEN 'CANCELLED' THEN payment_status ELSE 'COMPLETED' END)
		ORDER BY id LIMIT 100`)
	if err != nil {
		return result, fmt.Errorf("read orders: %w", err)
	}
	return result, nil
}

func disagreement(row sqldb.Scanner) (string, error) {
	var id, status, payment string
	var refunded, total int64
	err := row.Scan(&id, &status, &payment, &refunded, &total)
	return fmt.Sprintf("order %s is %s, its payment %s, %d of %d refunded", id, status, payment, refunded, total), err
}
