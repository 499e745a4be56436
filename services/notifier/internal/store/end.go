package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/schemas"
)

// End stores the end of a delivery and, when it was the last of its notification, the notification's event. A delivery
// that has ended, or does not exist, changes nothing.
func (s *Store) End(ctx context.Context, tx *sqldb.Tx, outcome notifier.Outcome) error {
	n, err := ofDelivery(ctx, tx, outcome.DeliveryID, tx.ForUpdate())
	if err != nil || n == nil {
		return err
	}
	d := n.Delivery(outcome.DeliveryID)
	if d.Status != notifier.Pending {
		return nil
	}
	events := n.End(outcome, tx.Now())
	if _, err := tx.ExecContext(ctx, "UPDATE deliveries SET status = $1, attempts = $2, last_error = $3, sent_at = $4 WHERE id = $5",
		string(d.Status), d.Attempts, d.LastError, sqldb.NullTime(d.SentAt), d.ID); err != nil {
		return fmt.Errorf("end delivery %s: %w", d.ID, err)
	}
	return s.record(ctx, tx, n, events)
}

// record numbers the events of a notification, whose row is locked, and puts them into the outbox.
func (s *Store) record(ctx context.Context, tx *sqldb.Tx, n *notifier.Notification, events []notifier.Event) error {
	if len(events) == 0 {
		return nil
	}
	drafts := make([]outbox.Draft, len(events))
	for i, e := range events {
		n.Sequence++
		drafts[i] = outbox.Draft{
			Topic: schemas.NotificationEvents, Key: n.ID, Sequence: n.Sequence, Data: e, Time: tx.Now(),
			CausationID: n.Fact.ID, CorrelationID: n.Fact.OrderID, TraceParent: n.Fact.TraceParent,
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE notifications SET sequence = $1 WHERE id = $2", n.Sequence, n.ID); err != nil {
		return fmt.Errorf("number notification %s: %w", n.ID, err)
	}
	return s.outbox.Append(ctx, tx, drafts...)
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
