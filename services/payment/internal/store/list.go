package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// Filter says which payments to list. A zero field filters nothing.
type Filter struct {
	OrderID string
	Status  payment.Status
	After   *Position // the last payment of the page before
	Limit   int
}

// Position is a place in the list of payments.
type Position struct {
	At      time.Time // of creation
	OrderID string
}

// List reads a page of payments, newest first.
func List(ctx context.Context, q sqldb.Querier, f Filter) ([]*payment.Payment, error) {
	where := f.conditions()
	if f.After != nil {
		where.add("(created_at, order_id) < (?, ?)", sqldb.Micros(f.After.At), f.After.OrderID)
	}
	query := "SELECT " + columnList + " FROM payments" + where.text() + " ORDER BY created_at DESC, order_id DESC LIMIT " + where.parameter(f.Limit)
	rows, err := q.QueryContext(ctx, query, where.args...)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	found, err := collect(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	if err := readRefunds(ctx, q, found); err != nil {
		return nil, err
	}
	page := make([]*payment.Payment, len(found))
	for i, l := range found {
		page[i] = l.Payment
	}
	return page, nil
}

// Count tells how many payments pass the filter, on all pages.
func Count(ctx context.Context, q sqldb.Querier, f Filter) (int64, error) {
	where := f.conditions()
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM payments"+where.text(), where.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count payments: %w", err)
	}
	return n, nil
}

// each calls fn with every payment, newest first.
func each(ctx context.Context, q sqldb.Querier, fn func(*payment.Payment)) error {
	f := Filter{Limit: idsAtOnce}
	for {
		page, err := List(ctx, q, f)
		if err != nil {
			return err
		}
		for _, p := range page {
			fn(p)
		}
		if len(page) < f.Limit {
			return nil
		}
		last := page[len(page)-1]
		f.After = &Position{At: last.CreatedAt, OrderID: last.OrderID}
	}
}

// All reads every payment, newest first.
func All(ctx context.Context, q sqldb.Querier) (all []*payment.Payment, err error) {
	err = each(ctx, q, func(p *payment.Payment) { all = append(all, p) })
	return all, err
}

func (f Filter) conditions() *conditions {
	c := &conditions{}
	if f.OrderID != "" {
		c.add("order_id = ?", f.OrderID)
	}
	if f.Status != payment.None {
		c.add("status = ?", string(f.Status))
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
