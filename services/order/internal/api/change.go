package api

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/etag"
	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	events "orderflow.example/schemas/orderv1"
)

// UpdateOrder changes the notes and addresses that the mask names.
func (s *Server) UpdateOrder(ctx context.Context, req *orderv1.UpdateOrderRequest) (*orderv1.Order, error) {
	changes, err := changesOf(req)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, req, req.GetOrder().GetId(), func(o *order.Order, w *store.Work) ([]order.Event, error) {
		return order.Update(o, changes, w.Now())
	})
}

// changesOf takes the fields that the mask names.
func changesOf(req *orderv1.UpdateOrderRequest) (order.Changes, error) {
	var changes order.Changes
	for _, path := range req.GetUpdateMask().GetPaths() {
		switch path {
		case "notes":
			changes.Notes = &req.GetOrder().Notes
		case "shipping_address":
			changes.ShippingAddress = &req.GetOrder().ShippingAddress
		case "billing_address":
			changes.BillingAddress = &req.GetOrder().BillingAddress
		default:
			return changes, errs.Invalid(errs.Field{Name: "updateMask", Rule: "field_mask.in", Description: path + " can't be changed"})
		}
	}
	if changes == (order.Changes{}) {
		return changes, errs.Invalid(errs.Field{Name: "updateMask", Rule: "required", Description: "must name at least one field"})
	}
	return changes, nil
}

// CancelOrder ends an order before shipping.
func (s *Server) CancelOrder(ctx context.Context, req *orderv1.CancelOrderRequest) (*orderv1.Order, error) {
	caller := auth.FromContext(ctx)
	return s.change(ctx, req, req.GetOrderId(), func(o *order.Order, w *store.Work) ([]order.Event, error) {
		cause, reason := events.CancellationCauseStaffRequest, "Cancelled by our staff."
		if caller.Subject == o.UserID {
			cause, reason = events.CancellationCauseCustomerRequest, "Cancelled at your request."
		}
		if req.GetReason() != "" {
			reason = req.GetReason()
		}
		return order.Cancel(o, cause, reason, w.Now())
	})
}

// UpdateOrderStatus makes a move of the fulfilment.
func (s *Server) UpdateOrderStatus(ctx context.Context, req *orderv1.UpdateOrderStatusRequest) (*orderv1.Order, error) {
	shipment := order.Shipment{Carrier: req.GetCarrier(), TrackingNumber: req.GetTrackingNumber()}
	return s.change(ctx, req, req.GetOrderId(), func(o *order.Order, w *store.Work) ([]order.Event, error) {
		return order.UpdateStatus(o, order.Status(req.GetStatus().String()), shipment, req.GetReason(), w.Now())
	})
}

// RefundOrder asks for money of a shipped order to be paid back.
func (s *Server) RefundOrder(ctx context.Context, req *orderv1.RefundOrderRequest) (*orderv1.Order, error) {
	id := uuid.Must(uuid.NewV7()).String() // fails only when the system has no randomness
	return s.change(ctx, req, req.GetOrderId(), func(o *order.Order, w *store.Work) ([]order.Event, error) {
		return order.RequestRefund(o, id, req.Amount, req.GetReason(), w.Now())
	})
}

// change loads an order that the caller may change, checks that it is as the caller has seen it, decides, and stores what
// was decided.
func (s *Server) change(ctx context.Context, req proto.Message, id string, decide func(*order.Order, *store.Work) ([]order.Event, error)) (*orderv1.Order, error) {
	ifMatch, err := etag.IfMatch(ctx)
	if err != nil {
		return nil, err
	}
	ran, seen := false, (*store.Change)(nil)
	answer, err := idempotency.InTx(ctx, s.cfg.DB, req, func(ctx context.Context, tx *sqldb.Tx) (*orderv1.Order, error) {
		ran, seen = true, nil
		work := s.cfg.Store.Begin(tx)
		if err := work.Load(ctx, changeOwner(auth.FromContext(ctx)), id); err != nil {
			return nil, err
		}
		changed := work.Order(id)
		if changed == nil {
			return nil, store.NotFound(id)
		}
		seen = &store.Change{OrderID: id, UserID: changed.UserID}
		if err := ifMatch.Check(etag.Of(changed.Version), "order "+id); err != nil {
			return nil, err
		}
		decided, err := decide(changed, work)
		if err != nil {
			return nil, err
		}
		if err := work.Record(changed, cause(ctx), decided...); err != nil {
			return nil, err
		}
		if len(decided) > 0 {
			seen = nil // the store tells the cache, once it is committed
		}
		return orderMessage(changed), work.Flush(ctx)
	})
	switch {
	case seen != nil:
		s.told(*seen)
	case !ran && err == nil:
		s.repeated(answer)
	case !ran && errs.From(err).Code == errs.FailedPrecondition: // a refusal that was given before; a list is only cached for the customer
		s.told(store.Change{OrderID: id, UserID: auth.FromContext(ctx).Subject})
	}
	if err != nil {
		return nil, err
	}
	return tagged(ctx, answer)
}

// told is for an order whose state the caller learns without a change of it, by the answer or by the refusal: the cache may hold an older one
// when another writer has not told it yet, or died before it did.
func (s *Server) told(seen store.Change) { s.cfg.Cache.Changed([]store.Change{seen}, true) }

// repeated is for an answer that was given before: the process that gave it may have died before the cache was told.
func (s *Server) repeated(answer *orderv1.Order) {
	s.told(store.Change{OrderID: answer.GetId(), UserID: answer.GetUserId()})
}

// tagged sends the entity tag of an answer that is one order.
func tagged(ctx context.Context, answer *orderv1.Order) (*orderv1.Order, error) {
	return answer, etag.Send(ctx, answer.GetEtag())
}
