package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/page"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// orderPosition and sagaPosition are what a page token holds: the last row of the page before.
type orderPosition struct {
	Last store.Position `json:"last"`
}

type sagaPosition struct {
	Sagas store.Position `json:"sagas"`
}

// ListOrders lists the orders that the caller may see, newest first.
func (s *Server) ListOrders(ctx context.Context, req *orderv1.ListOrdersRequest) (*orderv1.ListOrdersResponse, error) {
	owner := readOwner(auth.FromContext(ctx))
	return s.cfg.Cache.Orders(ctx, owner, req, func(ctx context.Context) (*orderv1.ListOrdersResponse, error) {
		return s.listOrders(ctx, owner, req)
	})
}

func (s *Server) listOrders(ctx context.Context, owner string, req *orderv1.ListOrdersRequest) (*orderv1.ListOrdersResponse, error) {
	filter := store.Filter{
		Owner:         owner,
		UserID:        req.GetUserId(),
		CreatedFrom:   timeOf(req.GetCreatedAfter()),
		CreatedBefore: timeOf(req.GetCreatedBefore()),
		MinTotal:      req.MinTotal,
		MaxTotal:      req.MaxTotal,
	}
	if req.GetStatus() != orderv1.OrderStatus_UNSPECIFIED {
		filter.Status = order.Status(req.GetStatus().String())
	}
	if req.GetPaymentStatus() != orderv1.PaymentStatus_UNSPECIFIED {
		filter.PaymentStatus = order.PaymentStatus(req.GetPaymentStatus().String())
	}
	token, err := page.Position[orderPosition](req.GetPageToken(), filter)
	if err != nil {
		return nil, err
	}
	var after *store.Position
	if token != nil {
		after = &token.Last
	}
	size := page.Size(req.GetPageSize())
	orders, err := store.List(ctx, s.cfg.DB, filter, after, size+1)
	if err != nil {
		return nil, err
	}
	total, err := store.Count(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	response := &orderv1.ListOrdersResponse{TotalSize: page.Total(total)}
	if len(orders) > size {
		last := orders[size-1]
		position := orderPosition{Last: store.Position{At: last.CreatedAt, ID: last.ID}}
		if response.NextPageToken, err = page.Token(filter, position); err != nil {
			return nil, err
		}
		orders = orders[:size]
	}
	for _, o := range orders {
		response.Orders = append(response.Orders, orderMessage(o))
	}
	return response, nil
}

// ListSagas lists the orders that wait for another service, the longest waiting first.
func (s *Server) ListSagas(ctx context.Context, req *orderv1.ListSagasRequest) (*orderv1.ListSagasResponse, error) {
	token, err := page.Position[sagaPosition](req.GetPageToken(), nil)
	if err != nil {
		return nil, err
	}
	var after *store.Position
	if token != nil {
		after = &token.Sagas
	}
	size := page.Size(req.GetPageSize())
	sagas, err := store.Sagas(ctx, s.cfg.DB, after, size+1)
	if err != nil {
		return nil, err
	}
	total, err := store.CountSagas(ctx, s.cfg.DB)
	if err != nil {
		return nil, err
	}
	response := &orderv1.ListSagasResponse{TotalSize: page.Total(total)}
	if len(sagas) > size {
		last := sagas[size-1]
		position := sagaPosition{Sagas: store.Position{At: last.Since, ID: last.OrderID}}
		if response.NextPageToken, err = page.Token(nil, position); err != nil {
			return nil, err
		}
		sagas = sagas[:size]
	}
	for _, saga := range sagas {
		response.Sagas = append(response.Sagas, &orderv1.Saga{
			OrderId: saga.OrderID, Step: string(saga.Step), WaitingFor: saga.Step.Awaits(),
			Since: timestamppb.New(saga.Since), Deadline: timestamppb.New(saga.Since.Add(s.cfg.Limits[saga.Step])),
		})
	}
	return response, nil
}

// GetOrderTimeline tells what happened to an order, in any service.
func (s *Server) GetOrderTimeline(ctx context.Context, req *orderv1.GetOrderTimelineRequest) (*orderv1.OrderTimeline, error) {
	o, err := store.Get(ctx, s.cfg.DB, readOwner(auth.FromContext(ctx)), req.GetOrderId())
	if err != nil {
		return nil, err
	}
	facts, err := store.Timeline(ctx, s.cfg.DB, s.cfg.Decode, o.ID)
	if err != nil {
		return nil, err
	}
	timeline := &orderv1.OrderTimeline{OrderId: o.ID}
	for _, f := range facts {
		timeline.Events = append(timeline.Events, &orderv1.TimelineEvent{
			EventId: f.EventID, Type: f.Type, Topic: f.Topic, Sequence: f.Sequence, Service: f.Source,
			OccurredAt: timestamppb.New(f.OccurredAt), CausationId: f.CausationID, Summary: f.Summary,
		})
	}
	return timeline, nil
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
