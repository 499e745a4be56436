// Package events takes orders' events in: each fact that calls for a message becomes a notification.
package events

import (
	"context"
	"errors"
	"fmt"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/notifier/internal/channel"
	"orderflow.example/notifier/internal/notifier"
	"orderflow.example/notifier/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// Topics are those that the service consumes.
func Topics() []string { return []string{schemas.OrderEvents} }

// Handles are the event types that call for a notification.
func Handles() []string { return notifier.FactTypes() }

// Ignores are the known event types of the same topic that call for none.
func Ignores() []string {
	return names(
		(*orderv1.OrderPlaced)(nil),
		(*orderv1.OrderUpdated)(nil),
		(*orderv1.OrderProcessing)(nil),
		(*orderv1.OrderShipped)(nil),
		(*orderv1.OrderDelivered)(nil),
		(*orderv1.OrderPaymentStatusChanged)(nil),
		(*orderv1.PaymentRequested)(nil),
		(*orderv1.PaymentCaptureRequested)(nil),
		(*orderv1.RefundRequested)(nil),
		(*orderv1.RefundCompleted)(nil),
		(*orderv1.RefundFailed)(nil),
	)
}

func names(events ...notifier.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.RecordName()
	}
	return all
}

// Handler queues the deliveries of facts.
type Handler struct {
	store    *store.Store
	channels []channel.Channel
}

// NewHandler makes a handler that writes to the store and addresses these channels.
func NewHandler(s *store.Store, channels []channel.Channel) *Handler {
	return &Handler{store: s, channels: channels}
}

// Handle is the inbox's handler: a handful of statements for the whole batch. A message that is no fact is refused.
func (h *Handler) Handle(ctx context.Context, tx *sqldb.Tx, batch []inbox.Message) error {
	notifications := make([]*notifier.Notification, 0, len(batch))
	var refusals []error
	for i, message := range batch {
		fact, ok := notifier.FactOf(message.ID, message.Data)
		if !ok {
			refusals = append(refusals, inbox.Refuse(i, fmt.Errorf("%T calls for no notification", message.Data)))
			continue
		}
		fact.TraceParent = message.TraceParent
		if n := notifier.New(fact, h.addresses(fact), outbox.NewID, tx.Now()); n != nil {
			notifications = append(notifications, n)
		}
	}
	if len(refusals) > 0 {
		return errors.Join(refusals...)
	}
	return h.store.Add(ctx, tx, notifications)
}

func (h *Handler) addresses(fact notifier.Fact) []notifier.Address {
	var all []notifier.Address
	for _, c := range h.channels {
		all = append(all, c.Addresses(fact)...)
	}
	return all
}
