package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow.example/kit/sqldb"
)

const selectRows = `SELECT id, event_id, topic, key, sequence, type, source, time, causation_id, correlation_id, trace_parent, headers, payload, sent_at, COALESCE(refused, '') FROM outbox `

// Log is the history of one key in a topic, by sequence.
func Log(ctx context.Context, q sqldb.Querier, topic, key string) ([]Row, error) {
	return read(ctx, q, selectRows+`WHERE topic = $1 AND key = $2 AND sequence > 0 ORDER BY sequence`, topic, key)
}

// Each calls fn with every numbered event of a topic, by key and sequence. Its error ends the reading. fn may read the
// database too.
func Each(ctx context.Context, q sqldb.Querier, topic string, fn func(Row) error) error {
	const page = 1000
	key, sequence := "", int64(0)
	for {
		rows, err := read(ctx, q, selectRows+`WHERE topic = $1 AND sequence > 0 AND (key, sequence) > ($2, $3) ORDER BY key, sequence LIMIT $4`,
			topic, key, sequence, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		key, sequence = rows[page-1].Key, rows[page-1].Sequence
	}
}

// Unsent are the first rows that the broker has not acknowledged, in the order of sending.
func Unsent(ctx context.Context, q sqldb.Querier, limit int) ([]Row, error) {
	return unsentAfter(ctx, q, 0, limit)
}

func unsentAfter(ctx context.Context, q sqldb.Querier, id int64, limit int) ([]Row, error) {
	return read(ctx, q, selectRows+`WHERE sent_at IS NULL AND id > $1 ORDER BY id LIMIT $2`, id, limit)
}

// MarkSent notes that the broker has acknowledged the rows.
func MarkSent(ctx context.Context, tx *sqldb.Tx, ids []int64) error {
	now := sqldb.Micros(tx.Now())
	const most = 512 // the text stays in the statement cache
	for chunk := range slices.Chunk(ids, most) {
		args := make([]any, 0, most)
		for _, id := range chunk {
			args = append(args, id)
		}
		args = sqldb.Padded(args)
		if _, err := tx.ExecContext(ctx, `UPDATE outbox SET sent_at = $1, refused = NULL WHERE id IN `+sqldb.In(len(args), 2), append([]any{now}, args...)...); err != nil {
			return fmt.Errorf("outbox: mark sent: %w", err)
		}
	}
	return nil
}

func read(ctx context.Context, q sqldb.Querier, query string, args ...any) ([]Row, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("outbox: read: %w", err)
	}
	defer rows.Close()
	var all []Row
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("outbox: read: %w", err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("outbox: read: %w", err)
	}
	return all, nil
}

func scan(rows *sql.Rows) (Row, error) {
	var r Row
	var at int64
	var headers string
	var sentAt sql.NullInt64
	err := rows.Scan(&r.ID, &r.EventID, &r.Topic, &r.Key, &r.Sequence, &r.Type, &r.Source, &at,
		&r.CausationID, &r.CorrelationID, &r.TraceParent, &headers, &r.Payload, &sentAt, &r.Refused)
	if err != nil {
		return r, err
	}
	r.Time = time.UnixMicro(at).UTC()
	r.SentAt = sqldb.TimeOrNil(sentAt)
	r.Headers, err = decodeHeaders(headers)
	return r, err
}

// Refused are the rows that the broker will never take as they are, in the order of sending.
func Refused(ctx context.Context, q sqldb.Querier, limit int) ([]Row, error) {
	return read(ctx, q, selectRows+`WHERE sent_at IS NULL AND refused IS NOT NULL ORDER BY id LIMIT $1`, limit)
}

// LiftRefusal lets the relay try a refused row again, after an operator has changed the broker's limits.
func LiftRefusal(ctx context.Context, tx *sqldb.Tx, id int64) error {
	result, err := tx.ExecContext(ctx, `UPDATE outbox SET refused = NULL WHERE id = $1 AND refused IS NOT NULL AND sent_at IS NULL`, id)
	if err != nil {
		return fmt.Errorf("outbox: lift a refusal: %w", err)
	}
	if count, err := result.RowsAffected(); err != nil || count == 0 {
		return fmt.Errorf("outbox: event %d is not refused (%w)", id, errors.Join(err, sql.ErrNoRows))
	}
	tx.Wake(wakeName)
	return nil
}
