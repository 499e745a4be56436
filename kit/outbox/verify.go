package outbox

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
)

// Decode reads an event's bytes; the second argument is its topic.
type Decode func(ctx context.Context, topic string, value []byte) (any, error)

// Event decodes the event of a row. E is the interface of a service's own events.
func Event[E any](ctx context.Context, decode Decode, row Row) (E, error) {
	var none E
	data, err := decode(ctx, row.Topic, row.Payload)
	if err != nil {
		return none, fmt.Errorf("event %d of %s: %w", row.Sequence, row.Key, err)
	}
	event, ok := data.(E)
	if !ok {
		return none, fmt.Errorf("event %d of %s: %T is no event", row.Sequence, row.Key, data)
	}
	return event, nil
}

// Fold says how a topic's log and the rows of a service are compared. S is a pointer to the state of one key.
type Fold[S, E any] struct {
	Topic string
	New   func(key string) S // before the first event
	Apply func(state S, event E) error

	// Rows reads what the rows say of the folded keys. A key that has none is missing.
	Rows func(ctx context.Context, q sqldb.Querier, folded map[string]S) (map[string]S, error)
	// Sequence is that of the last event that a row knows.
	Sequence func(row S) int64
	// Differences names what differs between a fold and its row.
	Differences func(folded, row S) []string

	// Keys are the rows that must have an event.
	Keys []Keys
}

// Keys are the keys that a table has rows for.
type Keys struct {
	Table, Column string
	If            string // a condition; empty: all rows
}

// verifyBatch is how many keys are compared with one reading of their rows.
const verifyBatch = 200

// Verify compares the fold of each key's events with its row. It may run beside the service: a row that moved on since
// its log was read is folded again, up to the row's sequence.
func Verify[S, E any](ctx context.Context, q sqldb.Querier, decode Decode, f Fold[S, E]) (check.Result, error) {
	v := &verification[S, E]{Fold: f, q: q, decode: decode}
	err := Each(ctx, q, f.Topic, func(row Row) error { return v.take(ctx, row) })
	if err == nil {
		err = v.compare(ctx)
	}
	for _, keys := range f.Keys {
		if err == nil {
			err = v.findUnlogged(ctx, keys)
		}
	}
	return v.result, err
}

type verification[S, E any] struct {
	Fold[S, E]
	q      sqldb.Querier
	decode Decode
	batch  []*folded[S]
	result check.Result
}

type folded[S any] struct {
	key      string
	state    S
	sequence int64 // of the last event
}

// take folds one event; the log is read by key and sequence.
func (v *verification[S, E]) take(ctx context.Context, row Row) error {
	if n := len(v.batch); n == 0 || v.batch[n-1].key != row.Key {
		if n == verifyBatch {
			if err := v.compare(ctx); err != nil {
				return err
			}
		}
		v.batch = append(v.batch, &folded[S]{key: row.Key, state: v.New(row.Key)})
	}
	return v.apply(ctx, v.batch[len(v.batch)-1], row)
}

func (v *verification[S, E]) apply(ctx context.Context, f *folded[S], row Row) error {
	event, err := Event[E](ctx, v.decode, row)
	if err != nil {
		return err
	}
	if err := v.Apply(f.state, event); err != nil {
		return fmt.Errorf("event %d of %s: %w", row.Sequence, row.Key, err)
	}
	f.sequence = row.Sequence
	return nil
}

// compare reads the rows of the folded keys and notes what differs.
func (v *verification[S, E]) compare(ctx context.Context) error {
	if len(v.batch) == 0 {
		return nil
	}
	states := make(map[string]S, len(v.batch))
	for _, f := range v.batch {
		states[f.key] = f.state
	}
	rows, err := v.Rows(ctx, v.q, states)
	if err != nil {
		return err
	}
	for _, f := range v.batch {
		v.result.Count++
		row, there := rows[f.key]
		if !there {
			v.violation("%s of %s has events and no row", f.key, v.Topic)
			continue
		}
		if sequence := v.Sequence(row); sequence > f.sequence {
			if err := v.foldUpTo(ctx, f, sequence); err != nil {
				return err
			}
		}
		if fields := v.Differences(f.state, row); len(fields) > 0 {
			v.violation("%s of %s: its row is not the fold of its events: %s", f.key, v.Topic, strings.Join(fields, ", "))
		}
	}
	v.batch = v.batch[:0]
	return nil
}

func (v *verification[S, E]) foldUpTo(ctx context.Context, f *folded[S], sequence int64) error {
	log, err := Log(ctx, v.q, v.Topic, f.key)
	if err != nil {
		return err
	}
	f.state = v.New(f.key)
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

// findUnlogged notes rows that should have an event and have none at all.
func (v *verification[S, E]) findUnlogged(ctx context.Context, keys Keys) error {
	var where sqldb.Where
	if keys.If != "" {
		where.Add("(" + keys.If + ")")
	}
	where.Add("NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.topic = ? AND outbox.key = "+keys.Table+"."+keys.Column+" AND outbox.sequence > 0)", v.Topic)
	found, err := sqldb.Collect(ctx, v.q, sqldb.Column[string],
		"SELECT "+keys.Column+" FROM "+keys.Table+where.String()+" ORDER BY 1 LIMIT 100", where.Args()...)
	if err != nil {
		return fmt.Errorf("find rows of %s without events: %w", keys.Table, err)
	}
	for _, key := range found {
		v.violation("%s of %s has a row and no events in %s", key, keys.Table, v.Topic)
	}
	return nil
}

func (v *verification[S, E]) violation(format string, args ...any) {
	v.result.Violations = append(v.result.Violations, fmt.Sprintf(format, args...))
}

// DifferentFields names the fields in which two values of one struct differ, without their values, which may be
// personal.
func DifferentFields[T any](folded, row T) []string {
	return different(folded, row, func(name string, _, _ any) string { return name })
}

// Differences names the fields in which two values of one struct differ, and what they are and should be.
func Differences[T any](folded, row T) []string {
	return different(folded, row, func(name string, want, got any) string {
		return fmt.Sprintf("%s is %v and should be %v", name, got, want)
	})
}

func different(folded, row any, words func(name string, want, got any) string) []string {
	var all []string
	left, right := reflect.ValueOf(folded), reflect.ValueOf(row)
	for i := range left.NumField() {
		if l, r := left.Field(i).Interface(), right.Field(i).Interface(); !reflect.DeepEqual(l, r) {
			all = append(all, words(left.Type().Field(i).Name, l, r))
		}
	}
	return all
}
