// Package events is where facts from outside of the service enter: the events of orders, and time. It reads what they
// are about through the store, lets the domain decide, and records what it said.
package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// Topics are those that the service consumes.
func Topics() []string { return []string{schemas.OrderEvents} }

// Handles are the event types that change the stock.
func Handles() []string {
	return names((*orderv1.OrderPlaced)(nil), (*orderv1.OrderConfirmed)(nil), (*orderv1.OrderCancelled)(nil))
}

// Ignores are the known event types of the same topic that do not concern the stock. Refunding what was shipped
// returns none.
func Ignores() []string {
	return names(
		(*orderv1.OrderPaid)(nil),
		(*orderv1.OrderUpdated)(nil),
		(*orderv1.OrderProcessing)(nil),
		(*orderv1.OrderShipped)(nil),
		(*orderv1.OrderDelivered)(nil),
		(*orderv1.OrderRefunded)(nil),
		(*orderv1.OrderPaymentStatusChanged)(nil),
		(*orderv1.PaymentRequested)(nil),
		(*orderv1.PaymentCaptureRequested)(nil),
		(*orderv1.RefundRequested)(nil),
		(*orderv1.RefundCompleted)(nil),
		(*orderv1.RefundFailed)(nil),
	)
}

func names(events ...inventory.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = e.RecordName()
	}
	return all
}

// Handler applies batches of events.
type Handler struct {
	store *store.Store
	hold  time.Duration
}

// NewHandler makes a handler that writes to the store. A reservation is held for the given time.
func NewHandler(s *store.Store, hold time.Duration) *Handler { return &Handler{store: s, hold: hold} }

// Handle is the inbox's handler: one unit of work for the whole batch. A message that makes no sense is refused.
func (h *Handler) Handle(ctx context.Context, tx *sqldb.Tx, batch []inbox.Message) error {
	work := h.store.Begin(tx)
	if err := load(ctx, work, batch); err != nil {
		return err
	}
	var refusals []error
	for i, message := range batch {
		events, err := h.decide(work, message)
		if err != nil {
			refusals = append(refusals, inbox.Refuse(i, err))
			continue
		}
		cause := store.Cause{EventID: message.ID, TraceParent: message.TraceParent}
		if err := work.Record(work.Reservation(message.Key), cause, events...); err != nil {
			return err
		}
	}
	if len(refusals) > 0 {
		return errors.Join(refusals...)
	}
	return work.Flush(ctx)
}

// decide asks the domain. Its error is the message's own fault.
func (h *Handler) decide(work *store.Work, message inbox.Message) ([]inventory.Event, error) {
	if id, _ := asked(message); id != message.Key {
		return nil, fmt.Errorf("%s of order %q has the key %q", message.Type, id, message.Key)
	}
	reservation, shelf, now := work.Reservation(message.Key), work.Shelf(), work.Now()
	switch e := message.Data.(type) {
	case *orderv1.OrderPlaced:
		return inventory.Place(reservation, shelf, e, h.hold, now)
	case *orderv1.OrderConfirmed:
		return inventory.Confirm(reservation, shelf, e, now)
	case *orderv1.OrderCancelled:
		return inventory.Cancel(reservation, now), nil
	}
	return nil, fmt.Errorf("%s is not handled here", message.Type)
}

// load reads all that the batch is about: the reservations of its orders first, then the products that they hold or
// that the events ask for.
func load(ctx context.Context, work *store.Work, batch []inbox.Message) error {
	orders := make([]string, 0, len(batch))
	for _, message := range batch {
		orders = append(orders, message.Key)
	}
	if err := work.LoadReservations(ctx, orders...); err != nil {
		return err
	}
	var products []string
	for _, message := range batch {
		for _, line := range work.Reservation(message.Key).Lines {
			products = append(products, line.ProductID)
		}
		_, items := asked(message)
		for _, item := range items {
			products = append(products, item.ProductID)
		}
	}
	return work.LoadProducts(ctx, products...)
}

// asked is the order that a message names, and the items that it carries.
func asked(message inbox.Message) (orderID string, items []orderv1.OrderItem) {
	switch e := message.Data.(type) {
	case *orderv1.OrderPlaced:
		return e.OrderID, e.Items
	case *orderv1.OrderConfirmed:
		return e.OrderID, e.Items
	case *orderv1.OrderCancelled:
		return e.OrderID, nil
	}
	return "", nil
}
