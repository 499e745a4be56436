package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// Checks are the invariants of notifications and deliveries.
func Checks(decode outbox.Decode) []check.Check {
	return []check.Check{
		{Name: "each fact is told once per channel and recipient", Run: Repeated},
		{Name: "notifications that ended equal their events", Run: func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
			return Verify(ctx, q, decode)
		}},
	}
}

// Repeated finds facts that a recipient is told more than once on a channel. It names no recipient.
func Repeated(ctx context.Context, q sqldb.Querier) (check.Result, error) {
	var result check.Result
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count deliveries: %w", err)
	}
	var err error
	result.Violations, err = sqldb.Collect(ctx, q, repetition, `SELECT n.fact_id, d.channel, COUNT(*) FROM deliveries d JOIN notifications n ON n.id = d.notification_id
		GROUP BY n.fact_id, d.channel, d.recipient HAVING COUNT(*) > 1 ORDER BY n.fact_id, d.channel LIMIT 100`)
	if err != nil {
		return result, fmt.Errorf("find repeated deliveries: %w", err)
	}
	return result, nil
}

func repetition(row sqldb.Scanner) (string, error) {
	var fact, channel string
	var n int
	err := row.Scan(&fact, &channel, &n)
	return fmt.Sprintf("fact %s has %d deliveries to one recipient on %s", fact, n, channel), err
}
