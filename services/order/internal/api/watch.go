package api

import (
	"context"

	"google.golang.org/grpc"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/server"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/order/internal/watch"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
)

// WatchOrder tells the events of an order that the caller may see: those that have happened, then each as it happens,
// until nothing can happen any more. A watcher that does not read holds up itself alone, and nothing piles up for it: it
// reads on from the database when its turn comes.
func (s *Server) WatchOrder(req *orderv1.WatchOrderRequest, stream grpc.ServerStreamingServer[orderv1.WatchOrderResponse]) error {
	ctx := stream.Context()
	owner := readOwner(auth.FromContext(ctx))
	if _, err := store.Get(ctx, s.cfg.DB, owner, req.GetOrderId()); err != nil { // before a token can tell anything
		return err
	}
	seen, err := watch.Parse(req.GetResumeToken(), req.GetOrderId())
	if err != nil {
		return err
	}
	watching := s.cfg.Hub.Watch(req.GetOrderId())
	defer watching.Stop()
	for first := true; ; first = false {
		from := seen.Through(schemas.OrderEvents)
		if first {
			from = 0
		}
		now, err := s.look(ctx, owner, req.GetOrderId(), from, seen)
		if err != nil {
			return err
		}
		watching.Seen(now.mark)
		if first {
			if now.known != seen.Size() {
				return watch.Ahead()
			}
			if now.over && len(now.unsent) == 0 {
				return nil
			}
			if err := server.AcceptStream(ctx); err != nil {
				return err
			}
		}
		for _, f := range now.unsent {
			seen.Add(f.Topic, f.Sequence)
			response := &orderv1.WatchOrderResponse{Event: factMessage(f), Order: now.order, ResumeToken: seen.Token()}
			if err := stream.Send(response); err != nil {
				return err
			}
		}
		if now.over {
			return nil
		}
		select {
		case <-watching.Changed():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sight is what a watcher finds when it looks.
type sight struct {
	order  *orderv1.Order
	unsent []store.Fact
	known  int64 // how many of the events were sent
	mark   store.Mark
	over   bool // nothing can happen after these events
}

// look reads the events first and the order after them, so that the order is as far as each event says, or further.
func (s *Server) look(ctx context.Context, owner, id string, from int64, seen *watch.Seen) (sight, error) {
	now := sight{mark: store.Mark{Own: from}}
	facts, err := store.FactsAfter(ctx, s.cfg.DB, s.cfg.Decode, id, from)
	if err != nil {
		return now, err
	}
	last := map[string]store.Fact{}
	for _, f := range facts {
		if f.Topic == schemas.OrderEvents {
			now.mark.Own = max(now.mark.Own, f.Sequence)
		} else {
			now.mark.Witnessed++
		}
		if f.Sequence > last[f.Topic].Sequence {
			last[f.Topic] = f
		}
		if seen.Has(f.Topic, f.Sequence) {
			now.known++
		} else {
			now.unsent = append(now.unsent, f)
		}
	}
	o, err := store.Get(ctx, s.cfg.DB, owner, id)
	if err != nil {
		return now, err
	}
	now.order = orderMessage(o)
	now.over = o.Version == now.mark.Own && order.Over(o, last[schemas.InventoryEvents].Type, last[schemas.PaymentEvents].Type)
	return now, nil
}
