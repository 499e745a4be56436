package store

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/schemas"
)

// Decode reads an event's bytes.
type Decode func(ctx context.Context, topic string, value []byte) (any, error)

// verifyBatch is how many payments are compared with one reading of their rows.
const verifyBatch = 200

// Verify compares the facts and the settled refunds of every payment with the fold of its event log. What was asked for
// and how far the work is has no events, and is left out. It may run beside the service: a row that moved on since its
// log was read is folded again, up to the row's version.
func Verify(ctx context.Context, q sqldb.Querier, decode Decode) (check.Result, error) {
	v := &verification{q: q, decode: decode}
	if err := outbox.Each(ctx, q, schemas.PaymentEvents, func(row outbox.Row) error { return v.take(ctx, row) }); err != nil {
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
	folded []*payment.Payment
	result check.Result
}

// take folds one event; the log is read by key and sequence.
func (v *verification) take(ctx context.Context, row outbox.Row) error {
	if n := len(v.folded); n == 0 || v.folded[n-1].OrderID != row.Key {
		if n == verifyBatch {
			if err := v.compare(ctx); err != nil {
				return err
			}
		}
		v.folded = append(v.folded, unfolded(row.Key))
	}
	return v.apply(ctx, v.folded[len(v.folded)-1], row)
}

// unfolded is a payment before its first event.
func unfolded(orderID string) *payment.Payment {
	return &payment.Payment{OrderID: orderID, Facts: payment.Facts{Status: payment.Pending}}
}

func (v *verification) apply(ctx context.Context, p *payment.Payment, row outbox.Row) error {
	data, err := v.decode(ctx, row.Topic, row.Payload)
	if err != nil {
		return fmt.Errorf("event %d of order %s: %w", row.Sequence, row.Key, err)
	}
	event, ok := data.(payment.Event)
	if !ok {
		return fmt.Errorf("event %d of order %s: %T is no event", row.Sequence, row.Key, data)
	}
	return p.Apply(event)
}

// compare reads the rows of the folded payments and notes what differs.
func (v *verification) compare(ctx context.Context) error {
	rows, err := v.rows(ctx)
	if err != nil {
		return err
	}
	for _, folded := range v.folded {
		v.result.Count++
		row := rows[folded.OrderID]
		if row == nil {
			v.violation("order %s has payment events and no payment", folded.OrderID)
			continue
		}
		if row.Version > folded.Version {
			if folded, err = v.foldUpTo(ctx, row.OrderID, row.Version); err != nil {
				return err
			}
		}
		if fields := differences(folded, row); len(fields) > 0 {
			v.violation("order %s: its payment is not the fold of its events: %s", folded.OrderID, strings.Join(fields, ", "))
		}
	}
	v.folded = v.folded[:0]
	return nil
}

func (v *verification) rows(ctx context.Context) (map[string]*payment.Payment, error) {
	found := make(map[string]*payment.Payment, len(v.folded))
	if len(v.folded) == 0 {
		return found, nil
	}
	args := make([]any, len(v.folded))
	for i, p := range v.folded {
		args[i] = p.OrderID
	}
	args = sqldb.Padded(args)
	rows, err := v.q.QueryContext(ctx, "SELECT "+columnList+" FROM payments WHERE order_id IN "+sqldb.In(len(args), 1), args...)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	all, err := collect(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	if err := readRefunds(ctx, v.q, all); err != nil {
		return nil, err
	}
	for _, l := range all {
		found[l.OrderID] = l.Payment
	}
	return found, nil
}

// findUnlogged notes payments that tell of facts without having any event.
func (v *verification) findUnlogged(ctx context.Context) error {
	rows, err := v.q.QueryContext(ctx, `SELECT order_id FROM payments WHERE (version > 0 OR status <> 'PENDING') AND NOT EXISTS
		(SELECT 1 FROM outbox WHERE topic = $1 AND key = payments.order_id AND sequence > 0) ORDER BY order_id LIMIT 100`, schemas.PaymentEvents)
	if err != nil {
		return fmt.Errorf("find payments without events: %w", err)
	}
	ids, err := collect(rows, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
	if err != nil {
		return fmt.Errorf("find payments without events: %w", err)
	}
	for _, id := range ids {
		v.violation("order %s has a payment with facts and no events", id)
	}
	return nil
}

func (v *verification) foldUpTo(ctx context.Context, orderID string, version int64) (*payment.Payment, error) {
	log, err := outbox.Log(ctx, v.q, schemas.PaymentEvents, orderID)
	if err != nil {
		return nil, err
	}
	p := unfolded(orderID)
	for _, row := range log {
		if row.Sequence > version {
			break
		}
		if err := v.apply(ctx, p, row); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (v *verification) violation(format string, args ...any) {
	v.result.Violations = append(v.result.Violations, fmt.Sprintf(format, args...))
}

// differences names what differs between the fold and the row.
func differences(folded, row *payment.Payment) []string {
	var names []string
	if folded.ID != row.ID {
		names = append(names, fmt.Sprintf("ID is %v and should be %v", row.ID, folded.ID))
	}
	left, right := reflect.ValueOf(folded.Facts), reflect.ValueOf(row.Facts)
	for i := range left.NumField() {
		if l, r := left.Field(i).Interface(), right.Field(i).Interface(); !reflect.DeepEqual(l, r) {
			names = append(names, fmt.Sprintf("%s is %v and should be %v", left.Type().Field(i).Name, r, l))
		}
	}
	if l, r := settledRefunds(folded), settledRefunds(row); !slices.Equal(l, r) {
		names = append(names, fmt.Sprintf("settled refunds are %v and should be %v", r, l))
	}
	return names
}

// settledRefunds are the refunds that events tell of, by id, as far as they tell of them.
func settledRefunds(p *payment.Payment) []payment.Refund {
	var settled []payment.Refund
	for _, r := range p.Refunds {
		if r.Status != payment.RefundRequested {
			r.RequestedAt = time.Time{}
			settled = append(settled, r)
		}
	}
	slices.SortFunc(settled, func(a, b payment.Refund) int { return cmp.Compare(a.ID, b.ID) })
	return settled
}
