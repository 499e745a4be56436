package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
)

// Filter says which orders to list. A zero field filters nothing.
type Filter struct {
	Owner         string // whose orders the caller may see; AnyOwner: all
	UserID        string
	Status        order.Status
	PaymentStatus order.PaymentStatus
	CreatedFrom   time.Time // at or after
	CreatedBefore time.Time
	MinTotal      *int64
	MaxTotal      *int64
}

// Position is a place in a list that is sorted by a time and, within it, by id.
type Position struct {
	At time.Time
	ID string
}

// List reads up to limit orders that pass the filter, newest first, after the position (nil: from the start).
func List(ctx context.Context, q sqldb.Querier, f Filter, after *Position, limit int) ([]*order.Order, error) {
	where := f.conditions()
	if after != nil {
		where.Add("(created_at, id) < (?, ?)", sqldb.Micros(after.At), after.ID)
	}
	query := "SELECT " + columnList + " FROM orders" + where.String() + " ORDER BY created_at DESC, id DESC LIMIT " + where.Arg(limit)
	orders, err := sqldb.Collect(ctx, q, scan, query, where.Args()...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}

// Count tells how many orders pass the filter.
func Count(ctx context.Context, q sqldb.Querier, f Filter) (int64, error) {
	where := f.conditions()
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders"+where.String(), where.Args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count orders: %w", err)
	}
	return n, nil
}

func (f Filter) conditions() *sqldb.Where {
	c := &sqldb.Where{}
	if f.Owner != AnyOwner {
		c.Add("user_id = ?", f.Owner)
	}
	if f.UserID != "" {
		c.Add("user_id = ?", f.UserID)
	}
	if f.Status != "" {
		c.Add("status = ?", string(f.Status))
	}
	if f.PaymentStatus != "" {
		c.Add("payment_status = ?", string(f.PaymentStatus))
	}
	if !f.CreatedFrom.IsZero() {
		c.Add("created_at >= ?", sqldb.Micros(f.CreatedFrom))
	}
	if !f.CreatedBefore.IsZero() {
		c.Add("created_at < ?", sqldb.Micros(f.CreatedBefore))
	}
	if f.MinTotal != nil {
		c.Add("total >= ?", *f.MinTotal)
	}
	if f.MaxTotal != nil {
		c.Add("total <= ?", *f.MaxTotal)
	}
	return c
}
