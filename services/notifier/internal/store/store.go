// Package store keeps notifications and their deliveries, in one SQL text for SQLite and PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
)

// Store writes, in the transactions of others. Reads are plain functions on a sqldb.Querier.
type Store struct{ outbox *outbox.Writer }

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }

// AnyOwner is the owner of a caller who may see every notification. A customer's owner is the subject of their token.
const AnyOwner = ""

// NotFound is the answer for a notification that is not there, or is another customer's.
func NotFound(id string) error {
	return errs.New(errs.NotFound, "NOTIFICATION_NOT_FOUND", "there is no notification %s", id).With("notification_id", id)
}

// Get reads a notification of the owner. It does not find another's.
func Get(ctx context.Context, q sqldb.Querier, owner, id string) (*notifier.Notification, error) {
	found, err := read(ctx, q, "WHERE n.id = $1 AND ($2 = '' OR n.user_id = $2) ORDER BY d.position", id, owner)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, NotFound(id)
	}
	return found[0], nil
}

// OfDelivery reads the notification of a delivery, all its deliveries included; nil when there is none.
func OfDelivery(ctx context.Context, q sqldb.Querier, deliveryID string) (*notifier.Notification, error) {
	found, err := read(ctx, q, "WHERE n.id = (SELECT notification_id FROM deliveries WHERE id = $1) ORDER BY d.position", deliveryID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

const selectRows = `SELECT n.id, n.sequence, n.fact, n.created_at, d.id, d.channel, d.recipient, d.status, d.attempts, d.last_error, d.sent_at
	FROM notifications n JOIN deliveries d ON d.notification_id = n.id `

// read reads notifications with their deliveries. Its query keeps the rows of a notification together, by position.
func read(ctx context.Context, q sqldb.Querier, query string, args ...any) ([]*notifier.Notification, error) {
	rows, err := q.QueryContext(ctx, selectRows+query, args...)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	defer rows.Close()
	var all []*notifier.Notification
	for rows.Next() {
		if all, err = scan(rows, all); err != nil {
			return nil, fmt.Errorf("read notifications: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	return all, nil
}

// scan adds a row to the last notification, or as the first of the next.
func scan(rows *sql.Rows, all []*notifier.Notification) ([]*notifier.Notification, error) {
	var n notifier.Notification
	var d notifier.Delivery
	var fact string
	var createdAt int64
	var sentAt sql.NullInt64
	if err := rows.Scan(&n.ID, &n.Sequence, &fact, &createdAt, &d.ID, &d.Channel, &d.Recipient, &d.Status, &d.Attempts, &d.LastError, &sentAt); err != nil {
		return nil, err
	}
	d.SentAt = sqldb.TimeOrNil(sentAt)
	if len(all) == 0 || all[len(all)-1].ID != n.ID {
		if err := json.Unmarshal([]byte(fact), &n.Fact); err != nil {
			return nil, fmt.Errorf("fact of notification %s: %w", n.ID, err)
		}
		n.CreatedAt = sqldb.Time(createdAt)
		all = append(all, &n)
	}
	last := all[len(all)-1]
	last.Deliveries = append(last.Deliveries, d)
	return all, nil
}
