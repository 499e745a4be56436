package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/sqldb"
)

const (
	selectAdjustments = "SELECT product_id, sequence, delta, on_hand, reason, actor, source, occurred_at FROM stock_adjustments"

	insertAdjustment  = "INSERT INTO stock_adjustments (product_id, sequence, delta, on_hand, reason, actor, source, occurred_at) VALUES "
	adjustmentColumns = 8
)

// AdjustmentFilter says which adjustments to list. What is empty filters nothing.
type AdjustmentFilter struct {
	ProductID string
	Actor     string
	Source    inventory.Source
	Before    *AdjustmentPosition // the last one of the page before
	Limit     int
}

// AdjustmentPosition is where an adjustment stands in the list: by time, product and sequence.
type AdjustmentPosition struct {
	At        time.Time
	ProductID string
	Sequence  int64
}

// ListAdjustments reads a page of adjustments, newest first, and how many pass the filter on all pages.
func ListAdjustments(ctx context.Context, q sqldb.Querier, f AdjustmentFilter) (page []inventory.StockAdjustment, total int64, err error) {
	where := &sqldb.Where{}
	if f.ProductID != "" {
		where.Add("product_id = ?", f.ProductID)
	}
	if f.Actor != "" {
		where.Add("actor = ?", f.Actor)
	}
	if f.Source != "" {
		where.Add("source = ?", string(f.Source))
	}
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM stock_adjustments"+where.String(), where.Args()...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count stock adjustments: %w", err)
	}
	if f.Before != nil {
		where.Add("(occurred_at, product_id, sequence) < (?, ?, ?)", sqldb.Micros(f.Before.At), f.Before.ProductID, f.Before.Sequence)
	}
	query := selectAdjustments + where.String() + " ORDER BY occurred_at DESC, product_id DESC, sequence DESC LIMIT " + where.Arg(f.Limit)
	page, err = sqldb.Collect(ctx, q, scanAdjustment, query, where.Args()...)
	if err != nil {
		return nil, 0, fmt.Errorf("list stock adjustments: %w", err)
	}
	return page, total, nil
}

func scanAdjustment(row sqldb.Scanner) (a inventory.StockAdjustment, err error) {
	err = row.Scan(&a.ProductID, &a.Sequence, &a.Delta, &a.OnHand, &a.Reason, &a.Actor, &a.Source, sqldb.Instant(&a.At))
	return a, err
}

func adjustmentRow(a inventory.StockAdjustment) []any {
	return []any{a.ProductID, a.Sequence, a.Delta, a.OnHand, a.Reason, a.Actor, string(a.Source), sqldb.Micros(a.At)}
}
