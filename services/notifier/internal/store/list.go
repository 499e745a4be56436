package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/notifier"
)

// Filter says which notifications to list. A zero field filters nothing.
type Filter struct {
	Owner   string // whose notifications the caller may see; AnyOwner: all
	OrderID string
	UserID  string
	After   *Position // the last notification of the page before
	Limit   int
}

// Position is a place in the list of notifications.
type Position struct {
	At time.Time // of creation
	ID string
}

// List reads a page of notifications, newest first.
func List(ctx context.Context, q sqldb.Querier, f Filter) ([]*notifier.Notification, error) {
	where := f.where()
	if f.After != nil {
		where.Add("(created_at, id) < (?, ?)", sqldb.Micros(f.After.At), f.After.ID)
	}
	query := "WHERE n.id IN (SELECT id FROM notifications" + where.String() + " ORDER BY created_at DESC, id DESC LIMIT " + where.Arg(f.Limit) +
		") ORDER BY n.created_at DESC, n.id DESC, d.position"
	return read(ctx, q, query, where.Args()...)
}

// Count tells how many notifications pass the filter, on all pages.
func Count(ctx context.Context, q sqldb.Querier, f Filter) (int64, error) {
	where := f.where()
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM notifications"+where.String(), where.Args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count notifications: %w", err)
	}
	return n, nil
}

func (f Filter) where() *sqldb.Where {
	where := &sqldb.Where{}
	if f.Owner != AnyOwner {
		where.Add("user_id = ?", f.Owner)
	}
	if f.OrderID != "" {
		where.Add("order_id = ?", f.OrderID)
	}
	if f.UserID != "" {
		where.Add("user_id = ?", f.UserID)
	}
	return where
}
