package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"

	"orderflow.example/kit/server"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// watchRoute is WatchOrder as server-sent events, in the place of the gateway's own stream of JSON lines.
func watchRoute(heartbeat time.Duration) server.Route {
	return server.Route{
		Method: http.MethodGet, Path: "/v1/orders/{order_id}:watch",
		Serve: func(w http.ResponseWriter, r *http.Request, in server.RouteInput) error {
			req := &orderv1.WatchOrderRequest{}
			if err := server.ReadQuery(r, req); err != nil {
				return err
			}
			req.OrderId = in.Params["order_id"]
			if last := r.Header.Get("Last-Event-ID"); last != "" { // later than the address, which a client keeps when it comes again
				req.ResumeToken = last
			}
			return server.ServeEvents(w, r, server.EventStream{Heartbeat: heartbeat},
				func(ctx context.Context) (grpc.ServerStreamingClient[orderv1.WatchOrderResponse], error) {
					return orderv1.NewOrderServiceClient(in.Conn).WatchOrder(ctx, req)
				}, orderEvent)
		},
	}
}

// orderEvent has a type of one word: OrderPlaced.
func orderEvent(m *orderv1.WatchOrderResponse) server.Event {
	name := m.GetEvent().GetType()
	return server.Event{ID: m.GetResumeToken(), Type: name[strings.LastIndexByte(name, '.')+1:], Data: m}
}
