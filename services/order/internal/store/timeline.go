package store

import (
	"context"
	"fmt"
	"sort"
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
	facts, err := history(ctx, q, orderID)
	if err != nil {
		return nil, fmt.Errorf("history of order %s: %w", orderID, err)
	}
	log, err := outbox.Log(ctx, q, schemas.OrderEvents, orderID)
	if err != nil {
		return nil, fmt.Errorf("log of order %s: %w", orderID, err)
	}
	for _, row := range log {
		event, err := outbox.Event[order.Event](ctx, decode, row)
		if err != nil {
			return nil, err
		}
		facts = append(facts, Fact{
			EventID: row.EventID, Type: row.Type, Topic: row.Topic, Sequence: row.Sequence, Source: row.Source,
			OccurredAt: row.Time, CausationID: row.CausationID, Summary: order.Summary(event),
		})
	}
	return causalOrder(facts), nil
}

func history(ctx context.Context, q sqldb.Querier, orderID string) ([]Fact, error) {
	return sqldb.Collect(ctx, q, func(row sqldb.Scanner) (f Fact, err error) {
		err = row.Scan(&f.EventID, &f.Type, &f.Topic, &f.Sequence, &f.Source, sqldb.Instant(&f.OccurredAt), &f.CausationID, &f.Summary)
		return f, err
	}, `SELECT event_id, type, topic, sequence, source, occurred_at, causation_id, summary
		FROM order_history WHERE order_id = $1`, orderID)
}

// causalOrder sorts by time, but puts no fact before its cause or before an earlier one of its topic, whatever the
// services' clocks say.
func causalOrder(facts []Fact) []Fact {
	sort.SliceStable(facts, func(i, j int) bool {
		a, b := facts[i], facts[j]
		switch {
		case !a.OccurredAt.Equal(b.OccurredAt):
			return a.OccurredAt.Before(b.OccurredAt)
		case a.Topic != b.Topic:
			return a.Topic < b.Topic
		}
		return a.Sequence < b.Sequence
	})
	ordered := make([]Fact, 0, len(facts))
	placed := make(map[string]bool, len(facts))
	for len(ordered) < len(facts) {
		next := -1
		for i, f := range facts {
			if placed[f.EventID] {
				continue
			}
			if next < 0 {
				next = i // when all that is left waits in a circle, which broken data could, time decides
			}
			if !waits(f, facts, placed) {
				next = i
				break
			}
		}
		placed[facts[next].EventID] = true
		ordered = append(ordered, facts[next])
	}
	return ordered
}

// waits tells whether something that must come before f is not placed yet.
func waits(f Fact, facts []Fact, placed map[string]bool) bool {
	for _, other := range facts {
		if placed[other.EventID] || other.EventID == f.EventID {
			continue
		}
		if other.EventID == f.CausationID || (other.Topic == f.Topic && other.Sequence < f.Sequence) {
			return true
		}
	}
	return false
}
