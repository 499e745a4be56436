package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
		where.add("(created_at, id) < (?, ?)", sqldb.Micros(after.At), after.ID)
	}
	query := "SELECT " + columnList + " FROM orders" + where.text() + " ORDER BY created_at DESC, id DESC LIMIT " + where.parameter(limit)
	rows, err := q.QueryContext(ctx, query, where.args...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	orders, err := collect(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}

// Count tells how many orders pass the filter.
func Count(ctx context.Context, q sqldb.Querier, f Filter) (int64, error) {
	where := f.conditions()
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders"+where.text(), where.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count orders: %w", err)
	}
	return n, nil
}

func (f Filter) conditions() *conditions {
	c := &conditions{}
	if f.Owner != AnyOwner {
		c.add("user_id = ?", f.Owner)
	}
	if f.UserID != "" {
		c.add("user_id = ?", f.UserID)
	}
	if f.Status != "" {
		c.add("status = ?", string(f.Status))
	}
	if f.PaymentStatus != "" {
		c.add("payment_status = ?", string(f.PaymentStatus))
	}
	if !f.CreatedFrom.IsZero() {
		c.add("created_at >= ?", sqldb.Micros(f.CreatedFrom))
	}
	if !f.CreatedBefore.IsZero() {
		c.add("created_at < ?", sqldb.Micros(f.CreatedBefore))
	}
	if f.MinTotal != nil {
		c.add("total >= ?", *f.MinTotal)
	}
	if f.MaxTotal != nil {
		c.add("total <= ?", *f.MaxTotal)
	}
	return c
}

// conditions is a WHERE clause under construction. In its conditions each ? stands for the next argument.
type conditions struct {
	all  []string
	args []any
}

func (c *conditions) add(condition string, args ...any) {
	for _, arg := range args {
		condition = strings.Replace(condition, "?", c.parameter(arg), 1)
	}
	c.all = append(c.all, condition)
}

func (c *conditions) parameter(arg any) string {
	c.args = append(c.args, arg)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *conditions) text() string {
	if len(c.all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.all, " AND ")
}
