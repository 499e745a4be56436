// Package check verifies what must always hold in a service's database. A check reads only.
package check

import (
	"context"
	"database/sql"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// shown is how many violations a check names; the rest it counts.
const shown = 20

// Result is what a check looked at and what it found wrong.
type Result struct {
	Count      int64 // things looked at
	Violations []string
	// Passing are the violations that are none while work on a key, as an order, is under way; from violation to key.
	Passing map[string]string
}

// Unfinished adds a violation that passes once all work on the key is done.
func (r *Result) Unfinished(key, violation string) {
	if r.Passing == nil {
		r.Passing = make(map[string]string)
	}
	r.Passing[violation] = key
	r.Violations = append(r.Violations, violation)
}

// Check is one invariant.
type Check struct {
	Name string
	Run  func(ctx context.Context, q sqldb.Querier) (Result, error)
}

// Common are the invariants of the outbox, the inbox and the parked messages, the same in all services. They hold
// once the service is at rest.
func Common() []Check {
	return []Check{
		{"event sequences have no gaps", sequences},
		{"no event is refused by the broker", refused},
		{"no message is parked", parked},
		{"no consumer is ahead of a parked message", inbox},
	}
}

// sequences: the events of a key are numbered from 1, without gaps.
func sequences(ctx context.Context, q sqldb.Querier) (Result, error) {
	return run(ctx, q, `SELECT COUNT(*) FROM outbox WHERE sequence > 0`,
		`SELECT topic, key, 'has ' || COUNT(*) || ' events numbered ' || MIN(sequence) || ' to ' || MAX(sequence)
		 FROM outbox WHERE sequence > 0 GROUP BY topic, key HAVING MIN(sequence) <> 1 OR MAX(sequence) <> COUNT(*) ORDER BY topic, key`)
}

// refused: the broker takes every event, so none holds back its key.
func refused(ctx context.Context, q sqldb.Querier) (Result, error) {
	return run(ctx, q, `SELECT COUNT(*) FROM outbox`,
		`SELECT topic, key, 'event ' || id || ' is refused: ' || refused FROM outbox WHERE refused IS NOT NULL AND sent_at IS NULL ORDER BY id`)
}

// parked: every message was applied.
func parked(ctx context.Context, q sqldb.Querier) (Result, error) {
	return run(ctx, q, `SELECT COUNT(*) FROM inbox`,
		`SELECT topic, key, 'message ' || id || ' (sequence ' || sequence || ') is ' || status || ': ' || reason FROM parked ORDER BY id`)
}

// inbox: what waits is above what was applied, or it would never be applied.
func inbox(ctx context.Context, q sqldb.Querier) (Result, error) {
	return run(ctx, q, `SELECT COUNT(*) FROM inbox`,
		`SELECT p.topic, p.key, 'message ' || p.id || ' waits with sequence ' || p.sequence || ' and ' || i.last_sequence || ' was applied'
		 FROM parked p JOIN inbox i ON i.consumer = p.consumer AND i.topic = p.topic AND i.key = p.key
		 WHERE p.sequence > 0 AND p.sequence <= i.last_sequence ORDER BY p.id`)
}

// run counts with one query and collects violations, as topic, key and words, with the other.
func run(ctx context.Context, q sqldb.Querier, count, violations string) (Result, error) {
	var result Result
	if err := q.QueryRowContext(ctx, count).Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count: %w", err)
	}
	rows, err := q.QueryContext(ctx, violations)
	if err != nil {
		return result, fmt.Errorf("violations: %w", err)
	}
	defer rows.Close()
	err = collect(rows, &result)
	return result, err
}

func collect(rows *sql.Rows, result *Result) error {
	more := 0
	for rows.Next() {
		var topic, key, words string
		if err := rows.Scan(&topic, &key, &words); err != nil {
			return fmt.Errorf("violations: %w", err)
		}
		if len(result.Violations) == shown {
			more++
			continue
		}
		result.Violations = append(result.Violations, fmt.Sprintf("%s %s %s", topic, key, words))
	}
	if more > 0 {
		result.Violations = append(result.Violations, fmt.Sprintf("and %d more", more))
	}
	return rows.Err()
}
