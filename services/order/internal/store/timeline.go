package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/schemas"
)

// Witnessed is an event of another service about an order.
type Witnessed struct {
	OrderID string
	Fact
}

// Fact is one line of an order's timeline.
type Fact struct {
	EventID     string
	Type        string // full record name
	Topic       string
	Sequence    int64
	Source      string // the service
	OccurredAt  time.Time
	CausationID string // the event that caused it; empty: a call, a time limit or a provider did
	Summary     string
}

const (
	insertHistory = `INSERT INTO order_history
		(order_id, event_id, type, topic, sequence, source, occurred_at, causation_id, summary) VALUES `
	// The same event may come again when the inbox starts anew.
	onceInHistory  = " ON CONFLICT (order_id, event_id) DO NOTHING"
	historyColumns = 9
)

func saveWitnessed(ctx context.Context, tx *sqldb.Tx, facts []Witnessed) error {
	args := make([]any, 0, len(facts)*historyColumns)
	for _, f := range facts {
		args = append(args, f.OrderID, f.EventID, f.Type, f.Topic, f.Sequence, f.Source, sqldb.Micros(f.OccurredAt), f.CausationID, f.Summary)
	}
	_, err := sqldb.ExecRows(ctx, tx, insertHistory, historyColumns, onceInHistory, args)
	return err
}

// Timeline is everything that happened to an order, in any service, oldest first and each fact after its cause.
func Timeline(ctx context.Context, q sqldb.Querier, decode outbox.Decode, orderID string) ([]Fact, error) {
	return FactsAfter(ctx, q, decode, orderID, 0)
}

// selectFacts is one statement, so that it sees each own event together with the witnessed one that caused it.
const selectFacts = `SELECT event_id, type, topic, sequence, source, time, causation_id, '' AS summary, payload
		FROM outbox WHERE topic = $1 AND key = $2 AND sequence > 0 AND sequence > $3
	UNION ALL
	SELECT event_id, type, topic, sequence, source, occurred_at, causation_id, summary, NULL
		FROM order_history WHERE order_id = $2`

// FactsAfter is the Timeline without the order's own first events, up to the sequence.
func FactsAfter(ctx context.Context, q sqldb.Querier, decode outbox.Decode, orderID string, sequence int64) ([]Fact, error) {
	facts, err := sqldb.Collect(ctx, q, func(row sqldb.Scanner) (f Fact, err error) {
		var payload []byte
		err = row.Scan(&f.EventID, &f.Type, &f.Topic, &f.Sequence, &f.Source, sqldb.Instant(&f.OccurredAt), &f.CausationID, &f.Summary, &payload)
		if err != nil || payload == nil {
			return f, err
		}
		event, err := outbox.Event[order.Event](ctx, decode, outbox.Row{Topic: f.Topic, Key: orderID, Sequence: f.Sequence, Payload: payload})
		if err == nil {
			f.Summary = order.Summary(event)
		}
		return f, err
	}, selectFacts, schemas.OrderEvents, orderID, sequence)
	if err != nil {
		return nil, fmt.Errorf("events of order %s: %w", orderID, err)
	}
	return causalOrder(facts), nil
}
