package inbox

import (
	"context"
	"fmt"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
)

// List gives parked messages of a consumer, the longest parked first.
func List(ctx context.Context, q sqldb.Querier, consumer string, limit int) ([]Parked, error) {
	return read(ctx, q, `WHERE consumer = $1 ORDER BY id LIMIT $2`, consumer, limit)
}

// Show gives one parked message, or a NotFound error.
func Show(ctx context.Context, q sqldb.Querier, id int64) (Parked, error) {
	return one(ctx, q, id, "")
}

func one(ctx context.Context, q sqldb.Querier, id int64, lock string) (Parked, error) {
	found, err := read(ctx, q, `WHERE id = $1`+lock, id)
	if err != nil {
		return Parked{}, err
	}
	if len(found) == 0 {
		return Parked{}, errs.New(errs.NotFound, "PARKED_MESSAGE_NOT_FOUND", "there is no parked message %d", id)
	}
	return found[0], nil
}

// Redrive has a parked message tried again at once, with all its attempts before it. It is not produced to its topic
// again, so no other consumer sees it.
func Redrive(ctx context.Context, tx *sqldb.Tx, id int64) error {
	m, err := one(ctx, tx, id, tx.ForUpdate())
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE parked SET status = 'waiting', attempts = 0, next_attempt_at = $1 WHERE id = $2`, sqldb.Micros(tx.Now()), id); err != nil {
		return fmt.Errorf("inbox: redrive: %w", err)
	}
	tx.Wake(wakeName(m.Consumer))
	return nil
}

// Discard drops the first parked message of its key, never to be applied, and lets its key go on after it. What is
// missing before it is given up too. For a message that is not the first the error is FailedPrecondition.
func Discard(ctx context.Context, tx *sqldb.Tx, id int64) error {
	m, err := first(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE id = $1`, id); err != nil {
		return fmt.Errorf("inbox: discard: %w", err)
	}
	if m.Sequence > 0 {
		return advance(ctx, tx, m, m.Sequence)
	}
	if m.EventID != "" {
		if _, err := tx.ExecContext(ctx, `INSERT INTO inbox_events (consumer, event_id, applied_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			m.Consumer, m.EventID, sqldb.Micros(tx.Now())); err != nil {
			return fmt.Errorf("inbox: discard: %w", err)
		}
	}
	return wakeNext(ctx, tx, m)
}

// CloseGap gives up the messages that are missing before the first parked message of a key, which is tried at once.
// For a message that is not the first, or has no number, the error is FailedPrecondition.
func CloseGap(ctx context.Context, tx *sqldb.Tx, id int64) error {
	m, err := first(ctx, tx, id)
	if err != nil {
		return err
	}
	if m.Sequence == 0 {
		return errs.New(errs.FailedPrecondition, "NO_SEQUENCE", "parked message %d has no sequence, so nothing can be missing before it", id)
	}
	return advance(ctx, tx, m, m.Sequence-1)
}

// first reads and locks a parked message and its key's inbox row, and makes sure that nothing is parked before it.
func first(ctx context.Context, tx *sqldb.Tx, id int64) (Parked, error) {
	m, err := one(ctx, tx, id, "")
	if err != nil {
		return m, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE inbox SET last_sequence = last_sequence WHERE consumer = $1 AND topic = $2 AND key = $3`,
		m.Consumer, m.Topic, m.Key); err != nil { // the order of locks is the Processor's
		return m, fmt.Errorf("inbox: lock: %w", err)
	}
	if m, err = one(ctx, tx, id, tx.ForUpdate()); err != nil {
		return m, err
	}
	before, err := read(ctx, tx, `WHERE consumer = $1 AND topic = $2 AND key = $3 AND (sequence, id) < (CAST($4 AS BIGINT), CAST($5 AS BIGINT)) AND (sequence > 0) = (CAST($4 AS BIGINT) > 0) ORDER BY sequence, id LIMIT 1`,
		m.Consumer, m.Topic, m.Key, m.Sequence, m.ID)
	if err != nil {
		return m, err
	}
	if len(before) > 0 {
		return m, errs.New(errs.FailedPrecondition, "NOT_FIRST_OF_ITS_KEY", "parked message %d waits behind message %d: begin with that", id, before[0].ID)
	}
	return m, nil
}

// advance lets a key go on after a sequence.
func advance(ctx context.Context, tx *sqldb.Tx, m Parked, last int64) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO inbox (consumer, topic, key, last_sequence) VALUES ($1, $2, $3, $4)
		ON CONFLICT (consumer, topic, key) DO UPDATE SET last_sequence = excluded.last_sequence WHERE inbox.last_sequence < excluded.last_sequence`,
		m.Consumer, m.Topic, m.Key, last); err != nil {
		return fmt.Errorf("inbox: advance: %w", err)
	}
	return wakeNext(ctx, tx, m)
}

// wakeNext has what is first in the key now tried at once.
func wakeNext(ctx context.Context, tx *sqldb.Tx, m Parked) error {
	if _, err := tx.ExecContext(ctx, `UPDATE parked SET next_attempt_at = $1 WHERE status = 'waiting' AND id = (SELECT id FROM parked
		WHERE consumer = $2 AND topic = $3 AND key = $4 AND (sequence > 0) = (CAST($5 AS BIGINT) > 0) ORDER BY sequence, id LIMIT 1)`,
		sqldb.Micros(tx.Now()), m.Consumer, m.Topic, m.Key, m.Sequence); err != nil {
		return fmt.Errorf("inbox: next of the key: %w", err)
	}
	tx.Wake(wakeName(m.Consumer))
	return nil
}
