package inbox

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"orderflow.example/kit/sqldb"
)

// laneState is what the database, and the plan so far, know of a lane.
type laneState struct {
	lane
	stored bool // the inbox has a row
	known  bool // last is meaningful
	dirty  bool // last is to be stored
	last   int64
	parked []parkedRef // by sequence, then id; those of sources without numbers have sequence 0
}

type parkedRef struct {
	id       int64 // 0: parked by this plan
	sequence int64
	eventID  string
	waiting  bool // not dead
}

// find is the parked message with this number, or, without one, with this id.
func (s *laneState) find(sequence int64, eventID string) *parkedRef {
	for i := range s.parked {
		ref := &s.parked[i]
		if ref.sequence == sequence && (sequence > 0 || ref.eventID == eventID) {
			return ref
		}
	}
	return nil
}

// head is the first parked message, of the numbered ones or of the others; nil when there is none.
func (s *laneState) head(numbered bool) *parkedRef {
	for i := range s.parked {
		if (s.parked[i].sequence > 0) == numbered {
			return &s.parked[i]
		}
	}
	return nil
}

func (s *laneState) remove(id int64) {
	s.parked = slices.DeleteFunc(s.parked, func(ref parkedRef) bool { return ref.id == id })
}

type state struct {
	lanes map[lane]*laneState
	seen  map[string]bool // ids of applied messages without a number
}

// load reads, and on PostgreSQL locks in the order of topic and key, all that the plan for these items needs.
func (p *Processor) load(ctx context.Context, tx *sqldb.Tx, items []*item) (*state, error) {
	s := &state{lanes: make(map[lane]*laneState, len(items)), seen: map[string]bool{}}
	keys := map[string][]string{}
	var ids []any
	for _, it := range items {
		if s.lanes[it.lane] == nil {
			s.lanes[it.lane] = &laneState{lane: it.lane}
			keys[it.lane.topic] = append(keys[it.lane.topic], it.lane.key)
		}
		if it.Sequence == 0 && it.ID != "" {
			ids = append(ids, it.ID)
		}
	}
	topics := make([]string, 0, len(keys))
	for topic := range keys {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	for _, topic := range topics {
		slices.Sort(keys[topic])
		for chunk := range slices.Chunk(keys[topic], 512) {
			if err := p.loadLast(ctx, tx, s, topic, chunk); err != nil {
				return nil, err
			}
		}
	}
	for _, topic := range topics {
		for chunk := range slices.Chunk(keys[topic], 512) {
			if err := p.loadParked(ctx, tx, s, topic, chunk); err != nil {
				return nil, err
			}
		}
	}
	for chunk := range slices.Chunk(ids, 512) {
		if err := p.loadSeen(ctx, tx, s, chunk); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (p *Processor) loadLast(ctx context.Context, tx *sqldb.Tx, s *state, topic string, keys []string) error {
	list, args := keyList(keys)
	rows, err := tx.QueryContext(ctx, `SELECT key, last_sequence FROM inbox WHERE consumer = $1 AND topic = $2 AND key IN `+list+
		` ORDER BY key`+tx.ForUpdate(), append([]any{p.cfg.Group, topic}, args...)...)
	if err != nil {
		return fmt.Errorf("inbox: last sequences: %w", err)
	}
	return each(rows, func() error {
		var key string
		var last int64
		if err := rows.Scan(&key, &last); err != nil {
			return fmt.Errorf("inbox: last sequences: %w", err)
		}
		known := s.lanes[lane{topic, key}]
		known.stored, known.known, known.last = true, true, last
		return nil
	})
}

func (p *Processor) loadParked(ctx context.Context, tx *sqldb.Tx, s *state, topic string, keys []string) error {
	list, args := keyList(keys)
	rows, err := tx.QueryContext(ctx, `SELECT id, key, sequence, event_id, status FROM parked WHERE consumer = $1 AND topic = $2 AND key IN `+list+
		` ORDER BY key, sequence, id`+tx.ForUpdate(), append([]any{p.cfg.Group, topic}, args...)...)
	if err != nil {
		return fmt.Errorf("inbox: parked messages: %w", err)
	}
	return each(rows, func() error {
		var key, status string
		var ref parkedRef
		if err := rows.Scan(&ref.id, &key, &ref.sequence, &ref.eventID, &status); err != nil {
			return fmt.Errorf("inbox: parked messages: %w", err)
		}
		ref.waiting = status == statusWaiting
		known := s.lanes[lane{topic, key}]
		known.parked = append(known.parked, ref)
		return nil
	})
}

func (p *Processor) loadSeen(ctx context.Context, tx *sqldb.Tx, s *state, ids []any) error {
	args := sqldb.Padded(slices.Clone(ids))
	rows, err := tx.QueryContext(ctx, `SELECT event_id FROM inbox_events WHERE consumer = $1 AND event_id IN `+sqldb.In(len(args), 2),
		append([]any{p.cfg.Group}, args...)...)
	if err != nil {
		return fmt.Errorf("inbox: applied messages: %w", err)
	}
	return each(rows, func() error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("inbox: applied messages: %w", err)
		}
		s.seen[id] = true
		return nil
	})
}

// keyList is the list of keys for an IN that follows two other parameters.
func keyList(keys []string) (list string, args []any) {
	for _, key := range keys {
		args = append(args, key)
	}
	args = sqldb.Padded(args)
	return sqldb.In(len(args), 3), args
}

// each calls fn at each row and closes rows.
func each(rows *sql.Rows, fn func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := fn(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// bySequence keeps the order of those with equal sequences.
func bySequence(a, b parkedRef) int { return cmp.Compare(a.sequence, b.sequence) }
