package store

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/schemas"
	"orderflow.example/schemas/notificationv1"
)

// verifyBatch is how many notifications are compared with one reading of their rows.
const verifyBatch = 256

// Verify compares the row and the deliveries of each notification that has ended with the event that told of it, and
// finds notifications that ended without one. It may run beside the service: what has ended changes no more.
func Verify(ctx context.Context, q sqldb.Querier, decode outbox.Decode) (check.Result, error) {
	v := &verification{q: q, decode: decode}
	if err := outbox.Each(ctx, q, schemas.NotificationEvents, func(row outbox.Row) error { return v.take(ctx, row) }); err != nil {
		return v.result, err
	}
	if err := v.compare(ctx); err != nil {
		return v.result, err
	}
	err := v.findUnlogged(ctx)
	return v.result, err
}

type verification struct {
	q      sqldb.Querier
	decode outbox.Decode
	log    []outbox.Row
	result check.Result
}

func (v *verification) take(ctx context.Context, row outbox.Row) error {
	v.log = append(v.log, row)
	if len(v.log) < verifyBatch {
		return nil
	}
	return v.compare(ctx)
}

// compare reads the rows of the collected events' notifications and notes what differs.
func (v *verification) compare(ctx context.Context) error {
	if len(v.log) == 0 {
		return nil
	}
	ids := make([]any, len(v.log))
	for i, row := range v.log {
		ids[i] = row.Key
	}
	ids = sqldb.Padded(ids)
	found, err := read(ctx, v.q, "WHERE n.id IN "+sqldb.In(len(ids), 1)+" ORDER BY n.id, d.position", ids...)
	if err != nil {
		return err
	}
	notifications := make(map[string]*notifier.Notification, len(found))
	for _, n := range found {
		notifications[n.ID] = n
	}
	for _, row := range v.log {
		v.result.Count++
		event, err := v.decode(ctx, row.Topic, row.Payload)
		if err != nil {
			return fmt.Errorf("event %s: %w", row.EventID, err)
		}
		if difference := differs(notifications[row.Key], row.Sequence, event); difference != "" {
			v.violation("notification %s %s", row.Key, difference)
		}
	}
	v.log = v.log[:0]
	return nil
}

// differs says how a notification is not what its one event tells; nothing when it is. It shows no recipient.
func differs(n *notifier.Notification, sequence int64, event any) string {
	switch {
	case n == nil:
		return "has an event and no row"
	case n.Sequence != sequence:
		return fmt.Sprintf("has a row at event %d and a log at event %d", n.Sequence, sequence)
	}
	want := n.Ended(occurredAt(event))
	switch {
	case want == nil:
		return "has an event and a pending delivery"
	case !reflect.DeepEqual(want, event):
		return fmt.Sprintf("is not what its %T tells", event)
	}
	return ""
}

func occurredAt(event any) time.Time {
	switch e := event.(type) {
	case *notificationv1.NotificationSent:
		return e.OccurredAt
	case *notificationv1.NotificationFailed:
		return e.OccurredAt
	}
	return time.Time{}
}

// findUnlogged notes notifications without an event that should have one: their row says so, or all deliveries ended.
func (v *verification) findUnlogged(ctx context.Context) error {
	ids, err := sqldb.Collect(ctx, v.q, sqldb.Column[string], `SELECT n.id FROM notifications n
		WHERE (n.sequence > 0 OR NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notification_id = n.id AND d.status = 'PENDING'))
		  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.topic = $1 AND o.key = n.id AND o.sequence > 0)
		ORDER BY n.id LIMIT 100`, schemas.NotificationEvents)
	if err != nil {
		return fmt.Errorf("find notifications without events: %w", err)
	}
	for _, id := range ids {
		v.violation("notification %s has ended and has no event", id)
	}
	return nil
}

func (v *verification) violation(format string, args ...any) {
	v.result.Violations = append(v.result.Violations, fmt.Sprintf(format, args...))
}
