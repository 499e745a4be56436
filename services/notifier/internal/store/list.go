package store

import (
	"context"
	"fmt"
	"strings"
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
	where, args := f.where()
	if f.After != nil {
		args = append(args, sqldb.Micros(f.After.At), f.After.ID)
		where += fmt.Sprintf(" AND (created_at, id) < ($%d, $%d)", len(args)-1, len(args))
	}
	args = append(args, f.Limit)
	return read(ctx, q, fmt.Sprintf(`WHERE n.id IN (SELECT id FROM notifications WHERE %s ORDER BY created_at DESC, id DESC LIMIT $%d)
		ORDER BY n.created_at DESC, n.id DESC, d.position`, where, len(args)), args...)
}

// Count tells how many notifications pass the filter, on all pages.
func Count(ctx context.Context, q sqldb.Querier, f Filter) (int64, error) {
	where, args := f.where()
	var n int64
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM notifications WHERE "+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count notifications: %w", err)
	}
	return n, nil
}

func (f Filter) where() (string, []any) {
	conditions := []string{"1 = 1"}
	var args []any
	add := func(column, value string) {
		if value != "" {
			args = append(args, value)
			conditions = append(conditions, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	add("user_id", f.Owner)
	add("order_id", f.OrderID)
	add("user_id", f.UserID)
	return strings.Join(conditions, " AND "), args
}
