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
	OrderID       string
	UserID        string
	Status        payment.Status
	CreatedAfter  time.Time // at this instant or later
	CreatedBefore time.Time // before it
	After         *Position // the last payment of the page before
	Limit         int
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
	return unwrap(ctx, q, found)
}

// unwrap reads the refunds of payments.
func unwrap(ctx context.Context, q sqldb.Querier, found []loaded) ([]*payment.Payment, error) {
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

// Restless reads payments that do not come to rest by themselves or at once, the oldest first: with an unknown outcome, with
// tries that failed, or with a refusal that a person has to see to.
func Restless(ctx context.Context, q sqldb.Querier, limit int) ([]*payment.Payment, error) {
	found, err := sqldb.Collect(ctx, q, scan, "SELECT "+columnList+` FROM payments
		WHERE in_doubt OR tries > 0 OR blocked_code <> '' OR (desired = 'VOIDED' AND captured > refunded) ORDER BY created_at, order_id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("list restless payments: %w", err)
	}
	return unwrap(ctx, q, found)
}

// pageSize is how many payments each reads at a time.
const pageSize = 512

// each calls fn with every payment, newest first.
func each(ctx context.Context, q sqldb.Querier, fn func(*payment.Payment)) error {
	return Pages(ctx, q, Filter{}, func(page []*payment.Payment) error {
		for _, p := range page {
			fn(p)
		}
		return nil
	})
}

// Pages calls fn with the payments that pass the filter, newest first, some hundred at a time.
func Pages(ctx context.Context, q sqldb.Querier, f Filter, fn func([]*payment.Payment) error) error {
	f.Limit = pageSize
	for {
		page, err := List(ctx, q, f)
		if err != nil {
			return err
		}
		if err := fn(page); err != nil {
			return err
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
	if f.UserID != "" {
		c.Add("user_id = ?", f.UserID)
	}
	if !f.CreatedAfter.IsZero() {
		c.Add("created_at >= ?", sqldb.Micros(f.CreatedAfter))
	}
	if !f.CreatedBefore.IsZero() {
		c.Add("created_at < ?", sqldb.Micros(f.CreatedBefore))
	}
	return c
}
