package check

import (
	"context"
	"database/sql"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// Lane is the events of one key in a topic.
type Lane struct{ Topic, Key string }

// Work is what a service does by itself as soon as it runs, whatever time has passed.
type Work struct {
	Keys    map[string]bool // of unfinished jobs, of events to be sent and of messages to be tried again
	Sent    map[Lane]int64  // last sequence that the broker has
	Applied map[Lane]int64  // last sequence that its consumer has applied
	Blocked map[Lane]bool   // its consumer applies no more: a message is dead
}

// ReadWork reads the work that a service has left. It is exact when the service does not run.
func ReadWork(ctx context.Context, q sqldb.Querier, consumer string) (Work, error) {
	w := Work{Keys: make(map[string]bool), Sent: make(map[Lane]int64), Applied: make(map[Lane]int64), Blocked: make(map[Lane]bool)}
	// An event that the broker refuses, and what is behind it in its lane, is sent no more.
	err := each(ctx, q, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		w.Keys[key] = true
		return err
	}, `SELECT key FROM jobs
		UNION SELECT key FROM parked WHERE consumer = $1 AND status = 'waiting' AND next_attempt_at IS NOT NULL
		UNION SELECT key FROM outbox o WHERE sent_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox r
			WHERE r.sent_at IS NULL AND r.refused IS NOT NULL AND r.topic = o.topic AND r.key = o.key AND r.id <= o.id)`, consumer)
	if err != nil {
		return w, fmt.Errorf("read work: %w", err)
	}
	if err := readLanes(ctx, q, w.Sent, `SELECT topic, key, MAX(sequence) FROM outbox WHERE sequence > 0 AND sent_at IS NOT NULL GROUP BY topic, key`); err != nil {
		return w, fmt.Errorf("read sent events: %w", err)
	}
	if err := readLanes(ctx, q, w.Applied, `SELECT topic, key, last_sequence FROM inbox WHERE consumer = $1`, consumer); err != nil {
		return w, fmt.Errorf("read applied messages: %w", err)
	}
	dead := make(map[Lane]int64)
	if err := readLanes(ctx, q, dead, `SELECT topic, key, sequence FROM parked WHERE consumer = $1 AND status = 'dead'`, consumer); err != nil {
		return w, fmt.Errorf("read dead messages: %w", err)
	}
	for lane := range dead {
		w.Blocked[lane] = true
	}
	return w, nil
}

func readLanes(ctx context.Context, q sqldb.Querier, lanes map[Lane]int64, query string, args ...any) error {
	return each(ctx, q, func(rows *sql.Rows) error {
		var lane Lane
		var sequence int64
		err := rows.Scan(&lane.Topic, &lane.Key, &sequence)
		lanes[lane] = sequence
		return err
	}, query, args...)
}

func each(ctx context.Context, q sqldb.Querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
