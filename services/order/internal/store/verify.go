package store

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/schemas"
)

// verifyBatch is how many orders are compared with one reading of their rows.
const verifyBatch = 200

// Verify compares every order's row with the fold of its event log. It may run beside the service: a row that moved on
// since its log was read is folded again, up to the row's version.
func Verify(ctx context.Context, q sqldb.Querier, decode Decode) (check.Result, error) {
	v := &verification{q: q, decode: decode}
	if err := outbox.Each(ctx, q, schemas.OrderEvents, func(row outbox.Row) error { return v.take(ctx, row) }); err != nil {
		return v.result, err
	}
	if err := v.compare(ctx); err != nil {
		return v.result, err
	}
	return v.result, v.findUnlogged(ctx)
}

type verification struct {
	q      sqldb.Querier
	decode Decode
	folded []*order.Order
	result check.Result
}

// take folds one event; the log is read by key and sequence.
func (v *verification) take(ctx context.Context, row outbox.Row) error {
	if n := len(v.folded); n == 0 || v.folded[n-1].ID != row.Key {
		if n == verifyBatch {
			if err := v.compare(ctx); err != nil {
				return err
			}
		}
		v.folded = append(v.folded, &order.Order{ID: row.Key})
	}
	event, err := ownEvent(ctx, v.decode, row)
	if err != nil {
		return err
	}
	return v.folded[len(v.folded)-1].Apply(event)
}

// compare reads the rows of the folded orders and notes what differs.
func (v *verification) compare(ctx context.Context) error {
	rows, err := v.rows(ctx)
	if err != nil {
		return err
	}
	for _, folded := range v.folded {
		v.result.Count++
		row := rows[folded.ID]
		if row == nil {
			v.violation("order %s has events and no row", folded.ID)
			continue
		}
		if row.Version > folded.Version {
			if folded, err = v.foldUpTo(ctx, row.ID, row.Version); err != nil {
				return err
			}
		}
		if fields := differences(folded, row); len(fields) > 0 {
			v.violation("order %s: its row is not the fold of its events: %s", folded.ID, strings.Join(fields, ", "))
		}
	}
	v.folded = v.folded[:0]
	return nil
}

func (v *verification) rows(ctx context.Context) (map[string]*order.Order, error) {
	found := make(map[string]*order.Order, len(v.folded))
	if len(v.folded) == 0 {
		return found, nil
	}
	args := make([]any, len(v.folded))
	for i, o := range v.folded {
		args[i] = o.ID
	}
	args = sqldb.Padded(args)
	rows, err := v.q.QueryContext(ctx, "SELECT "+columnList+" FROM orders WHERE id IN "+sqldb.In(len(args), 1), args...)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	all, err := collect(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	for _, o := range all {
		found[o.ID] = o
	}
	return found, nil
}

// findUnlogged notes rows that have no event at all.
func (v *verification) findUnlogged(ctx context.Context) error {
	rows, err := v.q.QueryContext(ctx, `SELECT id FROM orders
		WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE topic = $1 AND key = orders.id AND sequence > 0) ORDER BY id LIMIT 100`, schemas.OrderEvents)
	if err != nil {
		return fmt.Errorf("find orders without events: %w", err)
	}
	ids, err := collect(rows, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
	if err != nil {
		return fmt.Errorf("find orders without events: %w", err)
	}
	for _, id := range ids {
		v.violation("order %s has a row and no events", id)
	}
	return nil
}

func (v *verification) foldUpTo(ctx context.Context, id string, version int64) (*order.Order, error) {
	log, err := outbox.Log(ctx, v.q, schemas.OrderEvents, id)
	if err != nil {
		return nil, err
	}
	o := &order.Order{ID: id}
	for _, row := range log {
		if row.Sequence > version {
			break
		}
		event, err := ownEvent(ctx, v.decode, row)
		if err != nil {
			return nil, err
		}
		if err := o.Apply(event); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (v *verification) violation(format string, args ...any) {
	v.result.Violations = append(v.result.Violations, fmt.Sprintf(format, args...))
}

// differences names the fields in which two orders differ. It shows no values: some are personal.
func differences(a, b *order.Order) []string {
	var names []string
	left, right := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range left.NumField() {
		if !reflect.DeepEqual(left.Field(i).Interface(), right.Field(i).Interface()) {
			names = append(names, left.Type().Field(i).Name)
		}
	}
	return names
}
