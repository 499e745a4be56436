package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/schemas"
)

// Saga is an order that waits for another service.
type Saga struct {
	OrderID string
	Step    order.Step
	Since   time.Time
}

// Sagas reads up to limit sagas in flight, the longest waiting first, after the position (nil: from the start).
func Sagas(ctx context.Context, q sqldb.Querier, after *Position, limit int) ([]Saga, error) {
	from := Position{}
	if after != nil {
		from = *after
	}
	return sagas(ctx, q, `SELECT id, step, step_since FROM orders WHERE step <> '' AND (step_since, id) > ($1, $2)
		ORDER BY step_since, id LIMIT $3`, sqldb.Micros(from.At), from.ID, limit)
}

// SagasDue reads up to limit sagas that entered the step, and asked for it, at or before `began`, the longest waiting
// first. A step's time begins when the broker has taken the event that asks for it: while the broker is away nobody
// could answer.
func SagasDue(ctx context.Context, q sqldb.Querier, step order.Step, began time.Time, limit int) ([]Saga, error) {
	return sagas(ctx, q, `SELECT id, step, step_since FROM orders WHERE step <> '' AND step = $1 AND step_since <= $2
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE topic = $3 AND key = orders.id AND sequence > 0 AND (sent_at IS NULL OR sent_at > $4))
		ORDER BY step_since, id LIMIT $5`, string(step), sqldb.Micros(began), schemas.OrderEvents, sqldb.Micros(began), limit)
}

// SagasIn reads up to limit sagas that are in the step, the longest waiting first.
func SagasIn(ctx context.Context, q sqldb.Querier, step order.Step, limit int) ([]Saga, error) {
	return sagas(ctx, q, `SELECT id, step, step_since FROM orders WHERE step <> '' AND step = $1 ORDER BY step_since, id LIMIT $2`,
		string(step), limit)
}

func sagas(ctx context.Context, q sqldb.Querier, query string, args ...any) ([]Saga, error) {
	all, err := sqldb.Collect(ctx, q, func(row sqldb.Scanner) (s Saga, err error) {
		err = row.Scan(&s.OrderID, &s.Step, sqldb.Instant(&s.Since))
		return s, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read sagas: %w", err)
	}
	return all, nil
}

// CountSagas tells how many sagas are in flight.
func CountSagas(ctx context.Context, q sqldb.Querier) (int64, error) {
	return countWhere(ctx, q, "step <> ''")
}

// CountSagasDue tells how many sagas entered the step at or before `began`.
func CountSagasDue(ctx context.Context, q sqldb.Querier, step order.Step, began time.Time) (int64, error) {
	return countWhere(ctx, q, "step <> '' AND step = $1 AND step_since <= $2", string(step), sqldb.Micros(began))
}

func countWhere(ctx context.Context, q sqldb.Querier, condition string, args ...any) (int64, error) {
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders WHERE "+condition, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count sagas: %w", err)
	}
	return n, nil
}
