package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// The states of a parked message.
const (
	statusWaiting = "waiting"
	statusDead    = "dead"
)

func wakeName(consumer string) string { return "inbox " + consumer }

// store writes what the plan has decided.
func (p *Processor) store(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	steps := []func(context.Context, *sqldb.Tx, *planner) error{p.storeLast, p.storeSeen, p.storeParked, p.storeRetried, p.storeDead}
	for _, step := range steps {
		if err := step(ctx, tx, done); err != nil {
			return fmt.Errorf("inbox: store: %w", err)
		}
	}
	return nil
}

const insertLast = `INSERT INTO inbox (consumer, topic, key, last_sequence) VALUES `

// storeLast advances the inbox. Another process, that had the partition before a rebalance, may have taken a key that
// is new to us at the same moment: then everything runs again.
func (p *Processor) storeLast(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	slices.SortFunc(done.touched, func(a, b *laneState) int { return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.key, b.key)) })
	var fresh, known []any
	for _, s := range done.touched {
		args := []any{p.cfg.Group, s.topic, s.key, s.last}
		if s.stored {
			known = append(known, args...)
		} else {
			fresh = append(fresh, args...)
		}
	}
	inserted, err := sqldb.ExecRows(ctx, tx, insertLast, 4, ` ON CONFLICT DO NOTHING`, fresh)
	if err != nil {
		return err
	}
	if inserted < int64(len(fresh)/4) {
		return sqldb.ErrAgain
	}
	_, err = sqldb.ExecRows(ctx, tx, insertLast, 4, ` ON CONFLICT (consumer, topic, key) DO UPDATE SET last_sequence = excluded.last_sequence`, known)
	return err
}

func (p *Processor) storeSeen(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	var args []any
	for _, id := range done.seen {
		args = append(args, p.cfg.Group, id, sqldb.Micros(done.now()))
	}
	inserted, err := sqldb.ExecRows(ctx, tx, `INSERT INTO inbox_events (consumer, event_id, applied_at) VALUES `, 3, ` ON CONFLICT DO NOTHING`, args)
	if err == nil && inserted < int64(len(done.seen)) {
		err = sqldb.ErrAgain
	}
	return err
}

// storeParked adds parked messages.
func (p *Processor) storeParked(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	const columns = 17
	var args []any
	for _, m := range done.park {
		headers, err := json.Marshal(m.Headers)
		if err != nil {
			return err
		}
		args = append(args, p.cfg.Group, m.lane.topic, m.lane.key, m.Sequence, m.ID, int64(m.Partition), m.Offset, storable(m.Key),
			sqldb.Micros(m.Timestamp), string(headers), m.Value, status(m), m.reason, storable(m.detail), m.attempts, sqldb.NullTime(m.next), sqldb.Micros(done.now()))
	}
	_, err := sqldb.ExecRows(ctx, tx, `INSERT INTO parked (consumer, topic, key, sequence, event_id, record_partition, record_offset, record_key,
		record_time, headers, payload, status, reason, detail, attempts, next_attempt_at, parked_at) VALUES `, columns, "", args)
	if sqldb.IsUniqueViolation(err) { // parked by a process that had the partition before a rebalance
		return sqldb.ErrAgain
	}
	return err
}

// storeRetried updates the parked messages that were tried, and those whose turn comes by that.
func (p *Processor) storeRetried(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	for _, m := range done.update {
		if _, err := tx.ExecContext(ctx, `UPDATE parked SET status = $1, reason = $2, detail = $3, attempts = $4, next_attempt_at = $5 WHERE id = $6`,
			status(m), m.reason, storable(m.detail), m.attempts, sqldb.NullTime(m.next), m.parkedID); err != nil {
			return err
		}
	}
	if err := updateAll(ctx, tx, `UPDATE parked SET next_attempt_at = NULL WHERE id IN `, done.wait); err != nil {
		return err
	}
	if len(done.due) > 0 {
		due := `UPDATE parked SET next_attempt_at = ` + strconv.FormatInt(sqldb.Micros(done.now()), 10) + ` WHERE id IN `
		if err := updateAll(ctx, tx, due, done.due); err != nil {
			return err
		}
	}
	if len(done.due) > 0 || done.wake {
		tx.Wake(wakeName(p.cfg.Group))
	}
	return updateAll(ctx, tx, `DELETE FROM parked WHERE id IN `, done.remove)
}

func updateAll(ctx context.Context, tx *sqldb.Tx, statement string, ids []int64) error {
	for chunk := range slices.Chunk(ids, 512) {
		args := make([]any, 0, len(chunk))
		for _, id := range chunk {
			args = append(args, id)
		}
		args = sqldb.Padded(args)
		if _, err := tx.ExecContext(ctx, statement+sqldb.In(len(args), 1), args...); err != nil {
			return err
		}
	}
	return nil
}

// storeDead copies the messages that are given up to the dead-letter topic.
func (p *Processor) storeDead(ctx context.Context, tx *sqldb.Tx, done *planner) error {
	var rows []outbox.Row
	for _, parked := range [][]parking{done.park, done.update} {
		for _, m := range parked {
			if m.dead {
				rows = append(rows, p.deadLetter(m))
			}
		}
	}
	return p.cfg.Outbox.AppendRaw(ctx, tx, rows...)
}

// deadLetter is the message as it came, with headers that say where from and why.
func (p *Processor) deadLetter(m parking) outbox.Row {
	headers := maps.Clone(m.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	headers["dlq_reason"] = m.reason + ": " + m.detail
	headers["dlq_topic"] = m.Topic
	headers["dlq_partition"] = strconv.Itoa(int(m.Partition))
	headers["dlq_offset"] = strconv.FormatInt(m.Offset, 10)
	headers["dlq_group"] = p.cfg.Group
	return outbox.Row{Topic: p.cfg.Group + ".dlq", Key: storable(m.Key), Type: storable(m.Type), Payload: m.Value, Headers: headers}
}

func status(m parking) string {
	if m.dead {
		return statusDead
	}
	return statusWaiting
}
