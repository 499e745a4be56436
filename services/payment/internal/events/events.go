// Package events takes the order service's events in: what they ask of a payment is stored, and the work that follows
// is queued, in the transaction that advances the consumer. The provider is never called here.
package events

import (
	"context"
	"errors"
	"fmt"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// Topics are those that the service consumes.
func Topics() []string { return []string{schemas.OrderEvents} }

// Handles are the event types that ask something of a payment.
func Handles() []string {
	return names(
		(*orderv1.PaymentRequested)(nil),
		(*orderv1.PaymentCaptureRequested)(nil),
		(*orderv1.OrderCancelled)(nil),
		(*orderv1.RefundRequested)(nil),
	)
}

// Ignores are the known event types of the same topic that ask for no money.
func Ignores() []string {
	return names(
		(*orderv1.OrderPlaced)(nil),
		(*orderv1.OrderConfirmed)(nil),
		(*orderv1.OrderPaid)(nil),
		(*orderv1.OrderUpdated)(nil),
		(*orderv1.OrderProcessing)(nil),
		(*orderv1.OrderShipped)(nil),
		(*orderv1.OrderDelivered)(nil),
		(*orderv1.OrderRefunded)(nil),
		(*orderv1.OrderPaymentStatusChanged)(nil),
		(*orderv1.RefundCompleted)(nil),
		(*orderv1.RefundFailed)(nil),
	)
}

func names(events ...payment.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.RecordName()
	}
	return all
}

// Handler applies batches of events.
type Handler struct{ store *store.Store }

// NewHandler makes a handler that writes to the store.
func NewHandler(s *store.Store) *Handler { return &Handler{store: s} }

// Handle is the inbox's handler: one unit of work for the whole batch. A message that makes no sense is refused.
func (h *Handler) Handle(ctx context.Context, tx *sqldb.Tx, batch []inbox.Message) error {
	work := h.store.Begin(tx)
	orders := make([]string, len(batch))
	for i, message := range batch {
		orders[i] = message.Key
	}
	if err := work.Load(ctx, orders...); err != nil {
		return err
	}
	var refusals []error
	for i, message := range batch {
		p := work.Payment(message.Key)
		events, err := decide(work, p, message)
		if err != nil {
			refusals = append(refusals, inbox.Refuse(i, err))
			continue
		}
		p.AskedBy, p.TraceParent = message.ID, message.TraceParent
		cause := store.Cause{EventID: message.ID, TraceParent: message.TraceParent}
		if err := work.Record(p, cause, events...); err != nil {
			return err
		}
	}
	if len(refusals) > 0 {
		return errors.Join(refusals...)
	}
	if err := work.Flush(ctx); err != nil {
		return err
	}
	return worker.Enqueue(ctx, tx, work.Changed()...)
}

// decide asks the domain. Its error is the message's own fault.
func decide(work *store.Work, p *payment.Payment, message inbox.Message) ([]payment.Event, error) {
	id, handled := orderOf(message)
	switch {
	case !handled:
		return nil, fmt.Errorf("%s is not handled here", message.Type)
	case id != message.Key:
		return nil, fmt.Errorf("%s of order %q has the key %q", message.Type, id, message.Key)
	}
	switch e := message.Data.(type) {
	case *orderv1.PaymentRequested:
		return nil, payment.Request(p, outbox.NewID(), e, work.Now())
	case *orderv1.PaymentCaptureRequested:
		return nil, payment.RequestCapture(p, e, work.Now())
	case *orderv1.OrderCancelled:
		return payment.Cancel(p, outbox.NewID(), e, work.Now()), nil
	case *orderv1.RefundRequested:
		return payment.RequestRefund(p, e, work.Now())
	}
	return nil, nil
}

// orderOf is the order that a message names; false for one of another type.
func orderOf(message inbox.Message) (id string, handled bool) {
	switch e := message.Data.(type) {
	case *orderv1.PaymentRequested:
		return e.OrderID, true
	case *orderv1.PaymentCaptureRequested:
		return e.OrderID, true
	case *orderv1.OrderCancelled:
		return e.OrderID, true
	case *orderv1.RefundRequested:
		return e.OrderID, true
	}
	return "", false
}
