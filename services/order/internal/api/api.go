// Package api has the gRPC methods of the order service: protobuf in, a decision of the domain, one transaction,
// protobuf out. The messages' own rules are checked before a method is called.
package api

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	"orderflow.example/order/internal/cache"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	events "orderflow.example/schemas/orderv1"
)

// Roles that reach beyond one's own orders.
const (
	staff   = "staff"
	auditor = "auditor" // reads only
	service = "service"
)

// Config is what the methods need.
type Config struct {
	DB                   *sqldb.DB
	Store                *store.Store
	Cache                *cache.Cache  // nil: every read asks the database
	Decode               outbox.Decode // of the service's own events, for timelines
	Limits               order.Limits  // for the deadlines of sagas
	PaymentTokenRequired bool
	Metrics              prometheus.Registerer
}

// Server implements OrderService.
type Server struct {
	orderv1.UnimplementedOrderServiceServer
	cfg     Config
	created prometheus.Counter
}

// New makes the server and registers its metrics.
func New(cfg Config) (*Server, error) {
	created := prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_created_total", Help: "Orders placed."})
	if err := cfg.Metrics.Register(created); err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, created: created}, nil
}

// readOwner is whose orders the caller may see, changeOwner whose orders they may change.
func readOwner(p auth.Principal) string   { return owner(p, staff, auditor, service) }
func changeOwner(p auth.Principal) string { return owner(p, staff, service) }

func owner(p auth.Principal, roles ...string) string {
	if p.Has(roles...) {
		return store.AnyOwner
	}
	return p.Subject
}

// CreateOrder places an order at the read model's prices. It is PENDING when it returns.
func (s *Server) CreateOrder(ctx context.Context, req *orderv1.CreateOrderRequest) (*orderv1.Order, error) {
	caller := auth.FromContext(ctx)
	if own := changeOwner(caller); own != store.AnyOwner && own != req.GetUserId() {
		return nil, errs.New(errs.PermissionDenied, "NOT_YOUR_USER_ID", "userId must be the subject of your token").
			With("user_id", req.GetUserId())
	}
	if s.cfg.PaymentTokenRequired && req.PaymentToken == nil {
		return nil, errs.Invalid(errs.Field{Name: "paymentToken", Rule: "payment_token.required", Description: "is required"})
	}
	catalogue, err := store.Products(ctx, s.cfg.DB, productIDs(req))
	if err != nil {
		return nil, err
	}
	placement := placementOf(req, caller)
	placement.ID = uuid.Must(uuid.NewV7()).String() // fails only when the system has no randomness
	for attempt := 1; ; attempt++ {
		placement.Nonce = rand.Uint32()
		placed, err := s.place(ctx, req, placement, catalogue)
		if err == nil {
			return placed, nil
		}
		if !sqldb.IsUniqueViolation(err) || attempt == numberAttempts {
			return nil, err
		}
	}
}

// numberAttempts bounds the draws of an order number: two orders of one second share one in four thousand million times.
const numberAttempts = 3

func (s *Server) place(ctx context.Context, req *orderv1.CreateOrderRequest, p order.Placement, catalogue map[string]order.Product) (*orderv1.Order, error) {
	answer, err := idempotency.InTx(ctx, s.cfg.DB, req, func(ctx context.Context, tx *sqldb.Tx) (*orderv1.Order, error) {
		event, err := order.Place(p, catalogue, tx.Now())
		if err != nil {
			return nil, err
		}
		placed := order.New(p)
		work := s.cfg.Store.Begin(tx)
		if err := work.Record(placed, cause(ctx), event); err != nil {
			return nil, err
		}
		tx.OnCommit(s.created.Inc)
		return orderMessage(placed), work.Flush(ctx)
	})
	if err == nil && answer.GetId() != p.ID {
		s.repeated(answer)
	}
	if err != nil && sqldb.IsTransient(err) {
		if stored := s.lookUp(ctx, p.ID); stored != nil {
			s.created.Inc()
			return orderMessage(stored), nil
		}
	}
	return answer, err
}

const (
	lookUpFor   = 2 * time.Second
	lookUpPause = 100 * time.Millisecond
)

// lookUp finds an order whose commit was not answered: the connection may have been lost after it, or while the
// database is still at it. The order's id, which is ours alone, tells.
func (s *Server) lookUp(ctx context.Context, id string) *order.Order {
	ctx, cancel := context.WithTimeout(ctx, lookUpFor)
	defer cancel()
	for {
		if stored, err := store.Get(ctx, s.cfg.DB, store.AnyOwner, id); err == nil {
			return stored
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookUpPause):
		}
	}
}

// GetOrder reads one order.
func (s *Server) GetOrder(ctx context.Context, req *orderv1.GetOrderRequest) (*orderv1.Order, error) {
	owner := readOwner(auth.FromContext(ctx))
	return s.cfg.Cache.Order(ctx, owner, req.GetOrderId(), func(ctx context.Context) (*orderv1.Order, error) {
		return messageOf(store.Get(ctx, s.cfg.DB, owner, req.GetOrderId()))
	})
}

// GetOrderByNumber reads one order by the number that people read.
func (s *Server) GetOrderByNumber(ctx context.Context, req *orderv1.GetOrderByNumberRequest) (*orderv1.Order, error) {
	owner := readOwner(auth.FromContext(ctx))
	return s.cfg.Cache.OrderByNumber(ctx, owner, req.GetOrderNumber(), func(ctx context.Context) (*orderv1.Order, error) {
		return messageOf(store.GetByNumber(ctx, s.cfg.DB, owner, req.GetOrderNumber()))
	})
}

func messageOf(o *order.Order, err error) (*orderv1.Order, error) {
	if err != nil {
		return nil, err
	}
	return orderMessage(o), nil
}

// CancelOrder ends an order before shipping.
func (s *Server) CancelOrder(ctx context.Context, req *orderv1.CancelOrderRequest) (*orderv1.Order, error) {
	caller := auth.FromContext(ctx)
	return s.change(ctx, req, func(o *order.Order, w *store.Work) ([]order.Event, error) {
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
	return s.change(ctx, req, func(o *order.Order, w *store.Work) ([]order.Event, error) {
		return order.UpdateStatus(o, order.Status(req.GetStatus().String()), shipment, req.GetReason(), w.Now())
	})
}

// RefundOrder asks for money of a shipped order to be paid back.
func (s *Server) RefundOrder(ctx context.Context, req *orderv1.RefundOrderRequest) (*orderv1.Order, error) {
	id := uuid.Must(uuid.NewV7()).String() // fails only when the system has no randomness
	return s.change(ctx, req, func(o *order.Order, w *store.Work) ([]order.Event, error) {
		return order.RequestRefund(o, id, req.Amount, req.GetReason(), w.Now())
	})
}

// changeRequest is one that names the order to be changed.
type changeRequest interface {
	proto.Message
	GetOrderId() string
}

// change loads an order that the caller may change, decides, and stores what was decided.
func (s *Server) change(ctx context.Context, req changeRequest, decide func(*order.Order, *store.Work) ([]order.Event, error)) (*orderv1.Order, error) {
	ran := false
	answer, err := idempotency.InTx(ctx, s.cfg.DB, req, func(ctx context.Context, tx *sqldb.Tx) (*orderv1.Order, error) {
		ran = true
		work := s.cfg.Store.Begin(tx)
		if err := work.Load(ctx, changeOwner(auth.FromContext(ctx)), req.GetOrderId()); err != nil {
			return nil, err
		}
		changed := work.Order(req.GetOrderId())
		if changed == nil {
			return nil, store.NotFound(req.GetOrderId())
		}
		decided, err := decide(changed, work)
		if err != nil {
			return nil, err
		}
		if err := work.Record(changed, cause(ctx), decided...); err != nil {
			return nil, err
		}
		return orderMessage(changed), work.Flush(ctx)
	})
	if err == nil && !ran {
		s.repeated(answer)
	}
	return answer, err
}

// repeated is for an answer that was given before: the process that gave it may have died before the cache was told.
func (s *Server) repeated(answer *orderv1.Order) {
	s.cfg.Cache.Changed([]store.Change{{OrderID: answer.GetId(), UserID: answer.GetUserId()}}, true)
}

// cause of what a call does is no event, but the call's trace goes on.
func cause(ctx context.Context) store.Cause {
	return store.Cause{TraceParent: telemetry.TraceParent(ctx)}
}
