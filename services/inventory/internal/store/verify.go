package store

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// Decode reads an event's bytes; the second argument is its topic.
type Decode func(ctx context.Context, topic string, value []byte) (any, error)

// verifyBatch is how many keys are compared with one reading of their rows.
const verifyBatch = 200

// Verify compares every reservation, every product's catalogue part, and what staff did to its stock with the fold of
// their event logs. (What orders did to the stock is an invariant of its own, see Checks.) It may run beside the
// service: a row that moved on since its log was read is folded again, up to the row's sequence.
func Verify(ctx context.Context, q sqldb.Querier, decode Decode) (check.Result, error) {
	v := &verification{q: q, decode: decode}
	for _, topic := range []string{schemas.InventoryEvents, schemas.ProductEvents} {
		if err := outbox.Each(ctx, q, topic, func(row outbox.Row) error { return v.take(ctx, row) }); err != nil {
			return v.result, err
		}
		if err := v.compare(ctx); err != nil {
			return v.result, err
		}
	}
	for table, topic := range map[string]string{
		"reservations.order_id": schemas.InventoryEvents, "stock.product_id": schemas.InventoryEvents, "products.id": schemas.ProductEvents,
	} {
		if err := v.findUnlogged(ctx, table, topic); err != nil {
			return v.result, err
		}
	}
	return v.result, nil
}

type verification struct {
	q      sqldb.Querier
	decode Decode
	folded []*fold
	result check.Result
}

// fold is what the events of one key of a topic say: a reservation, or one part of a product.
type fold struct {
	topic, key  string
	sequence    int64
	reservation *inventory.Reservation
	product     *inventory.Product
}

func (f *fold) apply(row outbox.Row, event inventory.Event) error {
	f.sequence = row.Sequence
	if inventory.OrderOf(event) != "" {
		if f.reservation == nil {
			f.reservation = &inventory.Reservation{OrderID: f.key}
		}
		return f.reservation.Apply(event)
	}
	if f.product == nil {
		f.product = &inventory.Product{ID: f.key}
	}
	if _, catalogue := event.(*inventoryv1.ProductChanged); catalogue {
		return f.product.Apply(event)
	}
	return f.product.Stock.Apply(event)
}

// take folds one event; a topic's log is read by key and sequence.
func (v *verification) take(ctx context.Context, row outbox.Row) error {
	if n := len(v.folded); n == 0 || v.folded[n-1].key != row.Key {
		if n == verifyBatch {
			if err := v.compare(ctx); err != nil {
				return err
			}
		}
		v.folded = append(v.folded, &fold{topic: row.Topic, key: row.Key})
	}
	return v.apply(ctx, v.folded[len(v.folded)-1], row)
}

func (v *verification) apply(ctx context.Context, f *fold, row outbox.Row) error {
	data, err := v.decode(ctx, row.Topic, row.Payload)
	if err != nil {
		return fmt.Errorf("event %d of %s: %w", row.Sequence, row.Key, err)
	}
	event, ok := data.(inventory.Event)
	if !ok {
		return fmt.Errorf("event %d of %s: %T is no event", row.Sequence, row.Key, data)
	}
	if err := f.apply(row, event); err != nil {
		return fmt.Errorf("event %d of %s: %w", row.Sequence, row.Key, err)
	}
	return nil
}

// compare reads the rows of the folded keys and notes what differs.
func (v *verification) compare(ctx context.Context) error {
	reservations, products, err := v.rows(ctx)
	if err != nil {
		return err
	}
	for _, f := range v.folded {
		v.result.Count++
		var fields []string
		switch row, product := reservations[f.key], products[f.key]; {
		case f.reservation != nil && row != nil:
			if err := v.foldUpTo(ctx, f, row.Sequence); err != nil {
				return err
			}
			fields = differences(*f.reservation, *row)
		case f.product != nil && product != nil && f.topic == schemas.ProductEvents:
			if err := v.foldUpTo(ctx, f, product.Version); err != nil {
				return err
			}
			fields = differences(catalogue(f.product), catalogue(product))
		case f.product != nil && product != nil:
			if err := v.foldUpTo(ctx, f, product.Stock.Sequence); err != nil {
				return err
			}
			fields = differences(adjusted(f.product), adjusted(product))
		default:
			v.violation("%s of %s has events and no row", f.key, f.topic)
		}
		if len(fields) > 0 {
			v.violation("%s of %s: its row is not the fold of its events: %s", f.key, f.topic, strings.Join(fields, ", "))
		}
	}
	v.folded = v.folded[:0]
	return nil
}

// foldUpTo folds the key again when its row is ahead of the log that was read.
func (v *verification) foldUpTo(ctx context.Context, f *fold, sequence int64) error {
	if sequence <= f.sequence {
		return nil
	}
	log, err := outbox.Log(ctx, v.q, f.topic, f.key)
	if err != nil {
		return err
	}
	*f = fold{topic: f.topic, key: f.key}
	for _, row := range log {
		if row.Sequence > sequence {
			break
		}
		if err := v.apply(ctx, f, row); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) rows(ctx context.Context) (map[string]*inventory.Reservation, map[string]*inventory.Product, error) {
	reservations, products := map[string]*inventory.Reservation{}, map[string]*inventory.Product{}
	if len(v.folded) == 0 {
		return reservations, products, nil
	}
	args := make([]any, len(v.folded))
	for i, f := range v.folded {
		args[i] = f.key
	}
	args = sqldb.Padded(args)
	in := sqldb.In(len(args), 1)
	rows, err := v.q.QueryContext(ctx, selectProducts+"WHERE p.id IN "+in, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("read products: %w", err)
	}
	foundProducts, err := collect(rows, scanProduct)
	if err != nil {
		return nil, nil, fmt.Errorf("read products: %w", err)
	}
	rows, err = v.q.QueryContext(ctx, selectReservations+"WHERE order_id IN "+in, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("read reservations: %w", err)
	}
	foundReservations, err := collect(rows, scanReservation)
	if err == nil {
		err = readLines(ctx, v.q, foundReservations)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read reservations: %w", err)
	}
	for _, p := range foundProducts {
		products[p.ID] = p
	}
	for _, r := range foundReservations {
		reservations[r.OrderID] = r
	}
	return reservations, products, nil
}

// findUnlogged notes rows that have no event at all. column is table and key, as "products.id".
func (v *verification) findUnlogged(ctx context.Context, column, topic string) error {
	table, key, _ := strings.Cut(column, ".")
	rows, err := v.q.QueryContext(ctx, "SELECT "+key+" FROM "+table+
		" WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE topic = $1 AND outbox.key = "+column+" AND outbox.sequence > 0) ORDER BY 1 LIMIT 100", topic)
	if err != nil {
		return fmt.Errorf("find rows of %s without events: %w", table, err)
	}
	ids, err := collect(rows, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
	if err != nil {
		return fmt.Errorf("find rows of %s without events: %w", table, err)
	}
	for _, id := range ids {
		v.violation("%s of %s has a row and no events in %s", id, table, topic)
	}
	return nil
}

func (v *verification) violation(format string, args ...any) {
	v.result.Violations = append(v.result.Violations, fmt.Sprintf(format, args...))
}

// catalogue is the part of a product that ProductChanged tells.
func catalogue(p *inventory.Product) inventory.Product {
	part := *p
	part.Stock = inventory.Stock{}
	return part
}

// adjusted is the part of a product's stock that its own events tell.
func adjusted(p *inventory.Product) inventory.Stock {
	return inventory.Stock{Initial: p.Stock.Initial, Adjustments: p.Stock.Adjustments, Sequence: p.Stock.Sequence}
}

// differences names the fields in which two values of one struct differ.
func differences[T any](folded, row T) []string {
	var names []string
	left, right := reflect.ValueOf(folded), reflect.ValueOf(row)
	for i := range left.NumField() {
		if l, r := left.Field(i).Interface(), right.Field(i).Interface(); !reflect.DeepEqual(l, r) {
			names = append(names, fmt.Sprintf("%s is %v and should be %v", left.Type().Field(i).Name, r, l))
		}
	}
	return names
}
