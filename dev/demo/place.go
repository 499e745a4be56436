package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/rest"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// placed is an order that the demonstration placed and follows.
type placed struct {
	wish catalogue.Order
	id   string

	order  *orderv1.Order // as last seen
	cancel bool           // the customer still wants to cancel
	done   bool
}

// shop places and follows orders, each as its own customer.
type shop struct {
	orders        *rest.Client
	notifications *rest.Client
	signer        *issuer.Signer

	mu     sync.Mutex
	tokens map[string]string // by user
}

func newShop(a platform.Addresses, signer *issuer.Signer) *shop {
	return &shop{
		orders: rest.New(a.ByService["order"].REST, ""), notifications: rest.New(a.ByService["notifier"].REST, ""),
		signer: signer, tokens: make(map[string]string),
	}
}

func (s *shop) token(user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tokens[user]; ok {
		return t, nil
	}
	t, err := platform.Token(s.signer, user)
	if err == nil {
		s.tokens[user] = t
	}
	return t, err
}

// body is what a client sends: the line of the file without what only the demonstration reads.
func body(wish catalogue.Order) ([]byte, error) {
	wish.CancelAfter = ""
	return json.Marshal(wish)
}

// placeAll places all orders, and cancels at once those whose customer changes their mind at once.
func (s *shop) placeAll(ctx context.Context, wishes []catalogue.Order, step func()) ([]*placed, error) {
	all := make([]*placed, len(wishes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, wish := range wishes {
		group.Go(func() error {
			p, err := s.place(ctx, wish)
			if err != nil {
				return fmt.Errorf("order %d: %w", i+1, err)
			}
			all[i] = p
			step()
			return nil
		})
	}
	return all, group.Wait()
}

func (s *shop) place(ctx context.Context, wish catalogue.Order) (*placed, error) {
	token, err := s.token(wish.UserID)
	if err != nil {
		return nil, err
	}
	text, err := body(wish)
	if err != nil {
		return nil, err
	}
	order := &orderv1.Order{}
	if err := s.orders.As(token).Post(ctx, "/v1/orders", text, order); err != nil {
		return nil, err
	}
	p := &placed{wish: wish, id: order.GetId(), order: order, cancel: wish.CancelAfter == catalogue.CancelAfterPaid}
	if wish.CancelAfter == catalogue.CancelAfterPlaced {
		return p, s.cancelOrder(ctx, p)
	}
	return p, nil
}

func (s *shop) cancelOrder(ctx context.Context, p *placed) error {
	token, err := s.token(p.wish.UserID)
	if err != nil {
		return err
	}
	order := &orderv1.Order{}
	err = s.orders.As(token).Post(ctx, "/v1/orders/"+p.id+":cancel", []byte(`{"reason":"changed my mind"}`), order)
	var refused *rest.Refused
	if errors.As(err, &refused) && refused.Code == http.StatusBadRequest {
		return nil // it was cancelled meanwhile, for another reason
	}
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	p.order = order
	return nil
}
