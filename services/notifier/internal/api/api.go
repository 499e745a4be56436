// Package api has the gRPC methods of the notifier. They only read. The messages' own rules are checked before a
// method is called.
package api

import (
	"context"
	"time"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/page"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/store"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
)

// Roles that reach beyond one's own notifications.
const (
	staff   = "staff"
	auditor = "auditor"
	service = "service"
)

// Server implements NotifierService.
type Server struct {
	notifierv1.UnimplementedNotifierServiceServer
	db *sqldb.DB
}

// New makes the server.
func New(db *sqldb.DB) *Server { return &Server{db: db} }

// position is what a page token holds: the last row of the page before. filters are what it goes with.
type position struct {
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

type filters struct{ Owner, OrderID, UserID string }

// owner is whose notifications the caller may see.
func owner(p auth.Principal) string {
	if p.Has(staff, auditor, service) {
		return store.AnyOwner
	}
	return p.Subject
}

// GetNotification reads a notification. Another customer's is not there.
func (s *Server) GetNotification(ctx context.Context, req *notifierv1.GetNotificationRequest) (*notifierv1.Notification, error) {
	n, err := store.Get(ctx, s.db, owner(auth.FromContext(ctx)), req.GetNotificationId())
	if err != nil {
		return nil, err
	}
	return notificationMessage(n)
}

// ListNotifications lists notifications, newest first. A customer sees only their own.
func (s *Server) ListNotifications(ctx context.Context, req *notifierv1.ListNotificationsRequest) (*notifierv1.ListNotificationsResponse, error) {
	shown := filters{Owner: owner(auth.FromContext(ctx)), OrderID: req.GetOrderId(), UserID: req.GetUserId()}
	after, err := page.Position[position](req.GetPageToken(), shown)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.Filter{Owner: shown.Owner, OrderID: shown.OrderID, UserID: shown.UserID, Limit: size + 1}
	if after != nil {
		filter.After = &store.Position{At: after.At, ID: after.ID}
	}
	found, err := store.List(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	total, err := store.Count(ctx, s.db, filter)
	if err != nil {
		return nil, err
	}
	response := &notifierv1.ListNotificationsResponse{TotalSize: page.Total(total)}
	if len(found) > size {
		found = found[:size]
		last := found[size-1]
		if response.NextPageToken, err = page.Token(shown, position{At: last.CreatedAt, ID: last.ID}); err != nil {
			return nil, err
		}
	}
	for _, n := range found {
		m, err := notificationMessage(n)
		if err != nil {
			return nil, err
		}
		response.Notifications = append(response.Notifications, m)
	}
	return response, nil
}
