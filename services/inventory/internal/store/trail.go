package store

import (
	"context"
	"fmt"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// untold are the events of adjustments that the trail lacks, by product and sequence, after a position. The release
// before the trail wrote such, and writes them while it runs beside this one.
const untold = `SELECT o.key, o.sequence, o.payload FROM stock s JOIN outbox o ON o.topic = $1 AND o.key = s.product_id AND o.sequence > 0
	WHERE o.type = $2 AND (o.key, o.sequence) > ($3, $4)
		AND NOT EXISTS (SELECT 1 FROM stock_adjustments a WHERE a.product_id = o.key AND a.sequence = o.sequence)
	ORDER BY o.key, o.sequence LIMIT $5`

type logged struct {
	productID string
	sequence  int64
	payload   []byte
}

func scanLogged(row sqldb.Scanner) (l logged, err error) {
	err = row.Scan(&l.productID, &l.sequence, &l.payload)
	return l, err
}

func untoldAfter(ctx context.Context, q sqldb.Querier, after logged, limit int) ([]logged, error) {
	events, err := sqldb.Collect(ctx, q, scanLogged, untold, schemas.InventoryEvents, (*inventoryv1.StockAdjusted)(nil).RecordName(), after.productID, after.sequence, limit)
	if err != nil {
		return nil, fmt.Errorf("look for adjustments that the trail lacks: %w", err)
	}
	return events, nil
}

// filledAtOnce bounds a transaction of FillTrail, so that orders wait for no more than one.
const filledAtOnce = 500

// FillTrail writes the adjustments that the event log tells of and the trail lacks. It returns how many there were.
func FillTrail(ctx context.Context, db *sqldb.DB, decode outbox.Decode) (int, error) {
	filled, after := 0, logged{}
	for {
		events, err := untoldAfter(ctx, db, after, filledAtOnce)
		if err != nil || len(events) == 0 {
			return filled, err
		}
		var rows []any
		for _, l := range events {
			data, err := decode(ctx, schemas.InventoryEvents, l.payload)
			if err != nil {
				return filled, fmt.Errorf("event %d of %s: %w", l.sequence, l.productID, err)
			}
			event, ok := data.(*inventoryv1.StockAdjusted)
			if !ok {
				return filled, fmt.Errorf("event %d of %s is a %T", l.sequence, l.productID, data)
			}
			rows = append(rows, adjustmentRow(inventory.AdjustmentOf(event, l.sequence, ""))...)
		}
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := sqldb.ExecRows(ctx, tx, insertAdjustment, adjustmentColumns, unlessThere, rows) // another replica may fill it, too
			return err
		})
		if err != nil {
			return filled, fmt.Errorf("fill the trail of stock adjustments: %w", err)
		}
		filled, after = filled+len(events), events[len(events)-1]
	}
}

// trailed checks that the adjustments add up to what the stock says of them: the first one is the initial stock, the
// others are its adjustments. So on_hand = initial + adjustments - committed + returned ties the trail to on_hand.
func trailed(ctx context.Context, q sqldb.Querier) (check.Result, error) {
	type sums struct {
		productID                               string
		initial, adjustments, told, toldInitial int64
	}
	products, err := sqldb.Collect(ctx, q, func(row sqldb.Scanner) (s sums, err error) {
		err = row.Scan(&s.productID, &s.initial, &s.adjustments, &s.toldInitial, &s.told)
		return s, err
	}, `SELECT s.product_id, s.initial, s.adjustments, COALESCE(a.initial, 0), COALESCE(a.later, 0)
		FROM stock s LEFT JOIN (
			SELECT product_id,
				CAST(SUM(CASE WHEN sequence = 1 THEN delta ELSE 0 END) AS BIGINT) AS initial,
				CAST(SUM(CASE WHEN sequence > 1 THEN delta ELSE 0 END) AS BIGINT) AS later
			FROM stock_adjustments GROUP BY product_id
		) a ON a.product_id = s.product_id ORDER BY s.product_id`)
	if err != nil {
		return check.Result{}, fmt.Errorf("add up stock adjustments: %w", err)
	}
	result := check.Result{Count: int64(len(products))}
	for _, s := range products {
		if s.initial != s.toldInitial || s.adjustments != s.told {
			result.Violations = append(result.Violations, fmt.Sprintf("product %s: initial %d, adjustments %d; its trail adds up to %d and %d",
				s.productID, s.initial, s.adjustments, s.toldInitial, s.told))
		}
	}
	const shown = 100
	lost, err := untoldAfter(ctx, q, logged{}, shown)
	for _, l := range lost {
		result.Violations = append(result.Violations, fmt.Sprintf("product %s: the trail lacks event %d", l.productID, l.sequence))
	}
	return result, err
}
