package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
)

// JobKind is the kind of the jobs that send deliveries of a channel: each channel has a queue of its own.
func JobKind(channel string) string { return "deliver." + channel }

const (
	insertNotification  = "INSERT INTO notifications (id, sequence, order_id, user_id, fact_id, fact_type, fact, created_at) VALUES "
	notificationColumns = 8
	insertDelivery      = "INSERT INTO deliveries (id, notification_id, position, channel, recipient, status, attempts, last_error, sent_at) VALUES "
	deliveryColumns     = 9
	endDelivery         = " ON CONFLICT (id) DO UPDATE SET status = excluded.status, attempts = excluded.attempts, last_error = excluded.last_error, sent_at = excluded.sent_at"
)

func deliveryRow(n *notifier.Notification, id string) []any {
	position := slices.IndexFunc(n.Deliveries, func(d notifier.Delivery) bool { return d.ID == id })
	d := n.Deliveries[position]
	return []any{d.ID, n.ID, position, d.Channel, d.Recipient, string(d.Status), d.Attempts, d.LastError, sqldb.NullTime(d.SentAt)}
}

// Add stores new notifications and queues their deliveries. One whose fact has a notification already is left out: a
// fact is told once.
func (s *Store) Add(ctx context.Context, tx *sqldb.Tx, notifications []*notifier.Notification) error {
	fresh, err := untold(ctx, tx, notifications)
	if err != nil || len(fresh) == 0 {
		return err
	}
	var heads, deliveries []any
	var queue []jobs.Job
	for _, n := range fresh {
		fact, err := json.Marshal(n.Fact)
		if err != nil {
			return fmt.Errorf("fact %s: %w", n.Fact.ID, err)
		}
		heads = append(heads, n.ID, n.Sequence, n.Fact.OrderID, n.Fact.UserID, n.Fact.ID, n.Fact.Type, string(fact), sqldb.Micros(n.CreatedAt))
		for _, d := range n.Deliveries {
			deliveries = append(deliveries, deliveryRow(n, d.ID)...)
			queue = append(queue, jobs.Job{Kind: JobKind(d.Channel), Key: d.ID})
		}
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertNotification, notificationColumns, "", heads); err != nil {
		return fmt.Errorf("add notifications: %w", err)
	}
	if _, err := sqldb.ExecRows(ctx, tx, insertDelivery, deliveryColumns, "", deliveries); err != nil {
		return fmt.Errorf("add deliveries: %w", err)
	}
	return jobs.Enqueue(ctx, tx, queue...)
}

// untold leaves out the notifications of facts that are stored, or stand twice in the list.
func untold(ctx context.Context, q sqldb.Querier, notifications []*notifier.Notification) ([]*notifier.Notification, error) {
	if len(notifications) == 0 {
		return nil, nil
	}
	ids := make([]string, len(notifications))
	for i, n := range notifications {
		ids[i] = n.Fact.ID
	}
	known, err := sqldb.CollectIn(ctx, q, sqldb.Column[string], "SELECT fact_id FROM notifications WHERE fact_id", ids, "")
	if err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	told := make(map[string]bool)
	for _, id := range known {
		told[id] = true
	}
	fresh := make([]*notifier.Notification, 0, len(notifications))
	for _, n := range notifications {
		if !told[n.Fact.ID] {
			told[n.Fact.ID] = true
			fresh = append(fresh, n)
		}
	}
	return fresh, nil
}
