package store

import (
	"context"
	"fmt"
	"strconv"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
)

// Republish queues the current state of the products after the given id again, as events of the version that they
// have: a consumer that has it passes over them. It returns the last id of the page, and how many there were.
//
// The log has each version already, so these rows are unnumbered in it, and only the message carries the sequence.
func (s *Store) Republish(ctx context.Context, tx *sqldb.Tx, encode func(topic string, r outbox.Record) ([]byte, error), after string, limit int) (last string, count int, err error) {
	page, err := sqldb.Collect(ctx, tx, scanProduct, selectProducts+"WHERE p.id > $1 ORDER BY p.id LIMIT $2"+tx.ForUpdate(), after, limit)
	if err != nil {
		return "", 0, fmt.Errorf("read products: %w", err)
	}
	var queued []outbox.Row
	for _, p := range page {
		state := p.State()
		payload, err := encode(schemas.ProductEvents, &state)
		if err != nil {
			return "", 0, fmt.Errorf("encode product %s: %w", p.ID, err)
		}
		queued = append(queued, outbox.Row{
			Topic: schemas.ProductEvents, Key: p.ID, Type: state.RecordName(), Payload: payload, Time: state.OccurredAt,
			Headers: map[string]string{"ce_sequence": strconv.FormatInt(p.Version, 10)},
		})
		last = p.ID
	}
	return last, len(page), s.outbox.AppendRaw(ctx, tx, queued...)
}
