package store

import (
	"context"
	"fmt"
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
		where.Add("(created_at, order_id) < (?, ?)", sqldb.Micros(f.After.At), f.After.OrderID)
	}
	query := "SELECT " + columnList + " FROM payments" + where.String() + " ORDER BY created_at DESC, order_id DESC LIMIT " + where.Arg(f.Limit)
	found, err := sqldb.Collect(ctx, q, scan, query, where.Args()...)
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
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM payments"+where.String(), where.Args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count payments: %w", err)
	}
	return n, nil
}

// pageSize is how many payments each reads at a time.
const pageSize = 512

// each calls fn with every payment, newest first.
func each(ctx context.Context, q sqldb.Querier, fn func(*payment.Payment)) error {
	f := Filter{Limit: pageSize}
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

func (f Filter) conditions() *sqldb.Where {
	c := &sqldb.Where{}
	if f.OrderID != "" {
		c.Add("order_id = ?", f.OrderID)
	}
	if f.Status != payment.None {
		c.Add("status = ?", string(f.Status))
	}
	return c
}
