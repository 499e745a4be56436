package demo

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow.example/dev/rest"
	notifierv1 "orderflow.example/proto/gen/orderflow/notifier/v1"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

const betweenRounds = 100 * time.Millisecond

// followAll looks at every order until it has come to its end and its customer was told, or patience is over. It
// answers with the number of orders that did not get there.
func (s *shop) followAll(ctx context.Context, all []*placed, patience time.Duration, step func()) (stuck int, err error) {
	deadline := time.Now().Add(patience)
	open := append([]*placed(nil), all...)
	for {
		if err := s.look(ctx, open, step); err != nil {
			return len(open), err
		}
		var left []*placed
		for _, p := range open {
			if !p.done {
				left = append(left, p)
			}
		}
		open = left
		if len(open) == 0 || time.Now().After(deadline) {
			return len(open), nil
		}
		select {
		case <-ctx.Done():
			return len(open), ctx.Err()
		case <-time.After(betweenRounds):
		}
	}
}

// look asks once for each order.
func (s *shop) look(ctx context.Context, open []*placed, step func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range open {
		group.Go(func() error {
			token, err := s.token(p.wish.UserID)
			if err != nil {
				return err
			}
			order := &orderv1.Order{}
			if err := s.orders.As(token).Get(ctx, "/v1/orders/"+p.id, order); err != nil {
				return err
			}
			p.order = order
			if p.cancel && order.GetStatus() == orderv1.OrderStatus_PAID {
				p.cancel = false
				return s.cancelOrder(ctx, p)
			}
			if !ended(order) {
				return nil
			}
			if p.done, err = told(ctx, s.notifications.As(token), order); p.done {
				step()
			}
			return err
		})
	}
	return group.Wait()
}

// ended tells whether an order has come to its end, its money included.
func ended(o *orderv1.Order) bool {
	switch o.GetStatus() {
	case orderv1.OrderStatus_PAID:
		return true
	case orderv1.OrderStatus_CANCELLED:
		switch o.GetPaymentStatus() {
		case orderv1.PaymentStatus_FAILED, orderv1.PaymentStatus_CANCELLED, orderv1.PaymentStatus_REFUNDED:
			return true
		}
	}
	return false
}

// told tells whether the customer was told of the end of the order, on every channel.
func told(ctx context.Context, client *rest.Client, o *orderv1.Order) (bool, error) {
	want := "orderflow.order.v1.OrderPaid"
	if o.GetStatus() == orderv1.OrderStatus_CANCELLED {
		want = "orderflow.order.v1.OrderCancelled"
	}
	var list notifierv1.ListNotificationsResponse
	if err := client.Get(ctx, "/v1/notifications?orderId="+o.GetId(), &list); err != nil {
		return false, err
	}
	for _, n := range list.GetNotifications() {
		if n.GetFactType() == want {
			return delivered(n), nil
		}
	}
	return false, nil
}

func delivered(n *notifierv1.Notification) bool {
	for _, d := range n.GetDeliveries() {
		if d.GetStatus() != notifierv1.DeliveryStatus_SENT {
			return false
		}
	}
	return len(n.GetDeliveries()) > 0
}
