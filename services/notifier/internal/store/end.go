package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/schemas"
)

// End stores the ends of deliveries, and the event of each notification whose last delivery it was. A delivery that has
// ended, or does not exist, changes nothing.
func (s *Store) End(ctx context.Context, tx *sqldb.Tx, outcomes ...notifier.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	byDelivery, err := ofDeliveries(ctx, tx, outcomes)
	if err != nil {
		return err
	}
	var ended []any
	var events []outbox.Draft
	for _, outcome := range outcomes {
		n := byDelivery[outcome.DeliveryID]
		if n == nil || n.Delivery(outcome.DeliveryID).Status != notifier.Pending {
			continue
		}
		for _, event := range n.End(outcome, tx.Now()) {
			n.Sequence++
			events = append(events, outbox.Draft{
				Topic: schemas.NotificationEvents, Key: n.ID, Sequence: n.Sequence, Data: event, Time: tx.Now(),
				CausationID: n.Fact.ID, CorrelationID: n.Fact.OrderID, TraceParent: n.Fact.TraceParent,
			})
		}
		ended = append(ended, deliveryRow(n, outcome.DeliveryID)...)
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertDelivery, deliveryColumns, endDelivery, ended); err != nil {
		return fmt.Errorf("end deliveries: %w", err)
	}
	if err := number(ctx, tx, events); err != nil {
		return fmt.Errorf("number notifications: %w", err)
	}
	return s.outbox.Append(ctx, tx, events...)
}

// ofDeliveries reads the notifications of deliveries, and locks them in the order of their ids.
func ofDeliveries(ctx context.Context, tx *sqldb.Tx, outcomes []notifier.Outcome) (map[string]*notifier.Notification, error) {
	ids := make([]any, len(outcomes))
	for i, outcome := range outcomes {
		ids[i] = outcome.DeliveryID
	}
	ids = sqldb.Padded(ids)
	found, err := read(ctx, tx, "WHERE n.id IN (SELECT notification_id FROM deliveries WHERE id IN "+sqldb.In(len(ids), 1)+
		") ORDER BY n.id, d.position"+tx.ForUpdate(), ids...)
	if err != nil {
		return nil, err
	}
	byDelivery := make(map[string]*notifier.Notification, len(ids))
	for _, n := range found {
		for _, d := range n.Deliveries {
			byDelivery[d.ID] = n
		}
	}
	return byDelivery, nil
}

// number keeps the sequence of each notification's last event, which is the first for nearly all.
func number(ctx context.Context, tx *sqldb.Tx, events []outbox.Draft) error {
	bySequence := map[int64][]any{}
	for _, event := range events {
		bySequence[event.Sequence] = append(bySequence[event.Sequence], event.Key)
	}
	for _, sequence := range slices.Sorted(maps.Keys(bySequence)) {
		ids := sqldb.Padded(bySequence[sequence])
		if _, err := tx.ExecContext(ctx, "UPDATE notifications SET sequence = "+strconv.FormatInt(sequence, 10)+" WHERE id IN "+sqldb.In(len(ids), 1), ids...); err != nil {
			return err
		}
	}
	return nil
}

// NoteFailure keeps a try that failed and will be repeated: the delivery stays PENDING. A late note of an earlier try
// changes nothing.
func NoteFailure(ctx context.Context, tx *sqldb.Tx, deliveryID string, attempts int, failure string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE deliveries SET attempts = $1, last_error = $2 WHERE id = $3 AND status = 'PENDING' AND attempts < $1",
		attempts, failure, deliveryID); err != nil {
		return fmt.Errorf("note failure of delivery %s: %w", deliveryID, err)
	}
	return nil
}
