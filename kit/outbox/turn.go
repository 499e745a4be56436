package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
)

type topicKey struct{ topic, key string }

// turn is a relay's time as the active one. Its fields belong to its goroutine; marks is shared with the one that marks.
type turn struct {
	relay   *Relay
	marks   *marks
	cursor  int64                 // every row up to here was read, but those that committed late
	refused map[int64]topicKey    // rows that the broker will never take
	held    map[topicKey]struct{} // their keys
	behind  map[int64]struct{}    // rows at or below the cursor that wait behind them
}

// sendUnsent sends the rows after the cursor until there are none. After a failed delivery it starts again at the
// lowest unsent row, for a later row of a key must not overtake.
func (t *turn) sendUnsent(ctx context.Context) error {
	delay := firstPause
	for {
		t.marks.forgetMarked()
		rows, more, err := t.unsent(ctx)
		if err != nil {
			return err
		}
		batch := t.sendable(rows)
		if len(rows) == 0 || len(batch) == 0 && !more {
			return nil
		}
		err = t.sendBatch(ctx, batch)
		if err == nil {
			t.cursor = rows[len(rows)-1].ID
			delay = firstPause
			continue
		}
		t.restart()
		if ctx.Err() != nil {
			return err
		}
		if refused := (*refusalError)(nil); errors.As(err, &refused) {
			if err := t.refuse(ctx, refused); err != nil {
				return err
			}
			continue
		}
		t.relay.log.WarnContext(ctx, "events could not be delivered; trying again from the lowest one", "error", err)
		if !pause(ctx, delay) {
			return ctx.Err()
		}
		delay = min(2*delay, longestPause)
	}
}

// unordered tells whether commits come in another order than ids, as with PostgreSQL's concurrent writers.
func (t *turn) unordered() bool { return t.relay.db.Flavor() == sqldb.Postgres }

// unsent reads the next rows. Where commits are unordered it reads from the lowest unsent row each time: one snapshot
// that shows a row of a key shows those before it, while a cursor could pass an earlier row that commits later.
// It reads past what waits at the front, and tells whether there may be more.
func (t *turn) unsent(ctx context.Context) (rows []Row, more bool, err error) {
	after, limit := t.cursor, batchRows
	if t.unordered() {
		after, limit = 0, batchRows+t.marks.size()+len(t.behind)
	}
	rows, err = unsentAfter(ctx, t.relay.db, after, limit)
	return rows, len(rows) == limit, err
}

// sendable leaves out what is acknowledged already and what waits behind a refused row.
func (t *turn) sendable(rows []Row) []Row {
	kept := rows[:0:0]
	for _, row := range rows {
		if t.marks.has(row.ID) {
			continue
		}
		if _, held := t.held[topicKey{row.Topic, row.Key}]; held {
			t.behind[row.ID] = struct{}{}
			continue
		}
		kept = append(kept, row)
	}
	return kept
}

type refusalError struct {
	row   Row
	cause error
}

func (e *refusalError) Error() string { return fmt.Sprintf("event %d refused: %v", e.row.ID, e.cause) }

func (t *turn) sendBatch(ctx context.Context, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	records := make([]kafka.Record, len(rows))
	for i, row := range rows {
		records[i] = row.Record()
	}
	acked, err := t.relay.send(ctx, records)
	ids := make([]int64, 0, len(rows))
	for i, ok := range acked {
		if ok {
			ids = append(ids, rows[i].ID)
		}
	}
	t.marks.add(ids)
	t.relay.metrics.sent.Add(float64(len(ids)))
	var failed *kafka.SendError
	if errors.As(err, &failed) && kafka.IsRefused(err) {
		return &refusalError{rows[failed.Index], failed.Err}
	}
	return err
}

// refuse records that the broker will never take the row: it is kept, and holds back its key.
func (t *turn) refuse(ctx context.Context, refused *refusalError) error {
	row := refused.row
	t.relay.metrics.refusals.Inc()
	t.relay.log.ErrorContext(ctx, "the broker refuses an event for good; later events of its key wait",
		"id", row.ID, "topic", row.Topic, "key", row.Key, "sequence", row.Sequence, "type", row.Type, "error", refused.cause)
	if err := t.relay.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET refused = $1 WHERE id = $2`, refused.cause.Error(), row.ID)
		return err
	}); err != nil {
		return fmt.Errorf("outbox: record a refusal: %w", err)
	}
	t.refused[row.ID] = topicKey{row.Topic, row.Key}
	t.held[topicKey{row.Topic, row.Key}] = struct{}{}
	return nil
}

// restart goes back to the lowest unsent row.
func (t *turn) restart() {
	t.cursor = 0
	clear(t.behind)
}

// sweep looks for unsent rows up to the cursor that were not seen before, and goes back to the lowest of them.
func (t *turn) sweep(ctx context.Context) error {
	t.marks.forgetMarked()
	rows, err := t.relay.db.QueryContext(ctx, `SELECT id FROM outbox WHERE sent_at IS NULL AND id <= $1 ORDER BY id`, t.cursor)
	if err != nil {
		return fmt.Errorf("outbox: sweep: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("outbox: sweep: %w", err)
		}
		if _, waits := t.behind[id]; waits || t.marks.has(id) {
			continue
		}
		t.cursor = id - 1
		break
	}
	return rows.Err()
}

// inspect measures, and learns which rows are refused: an operator may have lifted a refusal.
func (t *turn) inspect(ctx context.Context) error {
	refused, err := readRefused(ctx, t.relay.db)
	if err != nil {
		return err
	}
	if t.refused == nil || !maps.Equal(refused, t.refused) {
		t.refused, t.held, t.behind = refused, map[topicKey]struct{}{}, map[int64]struct{}{}
		for _, key := range refused {
			t.held[key] = struct{}{}
		}
		t.restart()
	}
	return t.measure(ctx)
}

func readRefused(ctx context.Context, q sqldb.Querier) (map[int64]topicKey, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, topic, key FROM outbox WHERE sent_at IS NULL AND refused IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("outbox: refused events: %w", err)
	}
	defer rows.Close()
	refused := map[int64]topicKey{}
	for rows.Next() {
		var id int64
		var key topicKey
		if err := rows.Scan(&id, &key.topic, &key.key); err != nil {
			return nil, fmt.Errorf("outbox: refused events: %w", err)
		}
		refused[id] = key
	}
	return refused, rows.Err()
}

func (t *turn) measure(ctx context.Context) error {
	var unsent, oldest int64
	if err := t.relay.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL`).Scan(&unsent); err != nil {
		return fmt.Errorf("outbox: measure: %w", err)
	}
	if err := t.relay.db.QueryRowContext(ctx, `SELECT COALESCE((SELECT time FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 1), 0)`).Scan(&oldest); err != nil {
		return fmt.Errorf("outbox: measure: %w", err)
	}
	age := 0.0
	if oldest > 0 {
		age = max(0, time.Since(sqldb.Time(oldest)).Seconds())
	}
	t.relay.metrics.unsent.Set(float64(unsent))
	t.relay.metrics.oldest.Set(age)
	t.relay.metrics.refused.Set(float64(len(t.refused)))
	return nil
}
