// Package events takes other services' events in: those of a saga drive its order, those of products feed the read
// model that prices come from.
package events

import (
	"context"
	"errors"
	"fmt"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

// Topics are those that the service consumes.
func Topics() []string {
	return []string{schemas.InventoryEvents, schemas.PaymentEvents, schemas.ProductEvents}
}

// Compacted are the topics of which the broker keeps only the last event of a key.
func Compacted() []string { return []string{schemas.ProductEvents} }

// Handles are the event types that mean something for an order or the read model. Some change nothing and only stand
// in the order's timeline.
func Handles() []string {
	return names(
		(*inventoryv1.ProductChanged)(nil),
		(*inventoryv1.StockReserved)(nil),
		(*inventoryv1.StockRejected)(nil),
		(*inventoryv1.ReservationExpired)(nil),
		(*inventoryv1.StockCommitted)(nil),
		(*inventoryv1.StockCommitFailed)(nil),
		(*inventoryv1.StockReleased)(nil),
		(*inventoryv1.StockReturned)(nil),
		(*paymentv1.PaymentAuthorized)(nil),
		(*paymentv1.PaymentDeclined)(nil),
		(*paymentv1.PaymentCaptured)(nil),
		(*paymentv1.PaymentCaptureFailed)(nil),
		(*paymentv1.PaymentVoided)(nil),
		(*paymentv1.PaymentRefunded)(nil),
		(*paymentv1.PaymentRefundFailed)(nil),
	)
}

// Ignores are the known event types of the same topics that concern no order.
func Ignores() []string {
	return names((*inventoryv1.StockAdjusted)(nil), (*inventoryv1.LowStock)(nil))
}

func names(events ...order.Event) []string {
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

// Handle is the inbox's handler: one unit of work for the whole batch. An event of an order that is not there is
// refused, so that it waits where people see it.
func (h *Handler) Handle(ctx context.Context, tx *sqldb.Tx, batch []inbox.Message) error {
	work := h.store.Begin(tx)
	if err := work.Load(ctx, store.AnyOwner, orderIDs(batch)...); err != nil {
		return err
	}
	var products []order.Product
	var refusals []error
	for i, message := range batch {
		if changed, ok := message.Data.(*inventoryv1.ProductChanged); ok {
			products = append(products, product(changed))
			continue
		}
		if err := react(work, message); err != nil {
			refusals = append(refusals, inbox.Refuse(i, err))
		}
	}
	if len(refusals) > 0 {
		return errors.Join(refusals...)
	}
	if err := store.SaveProducts(ctx, tx, products); err != nil {
		return err
	}
	return work.Flush(ctx)
}

// orderIDs are the keys of the batch's saga events.
func orderIDs(batch []inbox.Message) []string {
	ids := make([]string, 0, len(batch))
	seen := make(map[string]bool, len(batch))
	for _, message := range batch {
		if message.Topic != schemas.ProductEvents && !seen[message.Key] {
			seen[message.Key] = true
			ids = append(ids, message.Key)
		}
	}
	return ids
}

func react(work *store.Work, message inbox.Message) error {
	event, ok := message.Data.(order.Event)
	if !ok {
		return fmt.Errorf("%T is no event", message.Data)
	}
	o := work.Order(message.Key)
	if o == nil {
		return store.NotFound(message.Key)
	}
	work.Witness(store.Witnessed{OrderID: o.ID, Fact: store.Fact{
		EventID: message.ID, Type: message.Type, Topic: message.Topic, Sequence: message.Sequence, Source: message.Source,
		OccurredAt: message.Time, CausationID: message.CausationID, Summary: order.Summary(event),
	}})
	cause := store.Cause{EventID: message.ID, TraceParent: message.TraceParent}
	return work.Record(o, cause, order.React(o, event, work.Now())...)
}

func product(e *inventoryv1.ProductChanged) order.Product {
	return order.Product{
		ID: e.ProductID, SKU: e.Sku, Name: e.Name, Price: e.Price, Currency: e.Currency, Version: e.Version, Archived: e.Archived,
	}
}
