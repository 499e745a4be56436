// Package api has the gRPC methods of the order service: protobuf in, a decision of the domain, one transaction,
// protobuf out. The messages' own rules are checked before a method is called.
package api

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/idempotency"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	"orderflow.example/order/internal/cache"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/order/internal/watch"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
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
	MaxUnpaidOrders      int64      // of a customer; 0: any number
	Hub                  *watch.Hub // wakes WatchOrder
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
			With("user_id", req.GetUserId()).
			Naming(errs.Field{Name: "userId", Rule: "user_id.own", Description: "must be the subject of your token"})
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
			return tagged(ctx, placed)
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
		if err := s.mayHold(ctx, tx, p.UserID); err != nil {
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

// mayHold holds customers to their number of unpaid orders. Staff and services answer for what they place.
func (s *Server) mayHold(ctx context.Context, tx *sqldb.Tx, user string) error {
	if s.cfg.MaxUnpaidOrders == 0 || changeOwner(auth.FromContext(ctx)) == store.AnyOwner {
		return nil
	}
	unpaid, err := store.LockUnpaid(ctx, tx, user)
	if err != nil {
		return err
	}
	return order.MayHold(unpaid, s.cfg.MaxUnpaidOrders)
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
	message, err := s.cfg.Cache.Order(ctx, owner, req.GetOrderId(), func(ctx context.Context) (*orderv1.Order, error) {
		return messageOf(store.Get(ctx, s.cfg.DB, owner, req.GetOrderId()))
	})
	if err != nil {
		return nil, err
	}
	return tagged(ctx, message)
}

// GetOrderByNumber reads one order by the number that people read.
func (s *Server) GetOrderByNumber(ctx context.Context, req *orderv1.GetOrderByNumberRequest) (*orderv1.Order, error) {
	owner := readOwner(auth.FromContext(ctx))
	message, err := s.cfg.Cache.OrderByNumber(ctx, owner, req.GetOrderNumber(), func(ctx context.Context) (*orderv1.Order, error) {
		return messageOf(store.GetByNumber(ctx, s.cfg.DB, owner, req.GetOrderNumber()))
	})
	if err != nil {
		return nil, err
	}
	return tagged(ctx, message)
}

func messageOf(o *order.Order, err error) (*orderv1.Order, error) {
	if err != nil {
		return nil, err
	}
	return orderMessage(o), nil
}

// cause of what a call does is no event, but the call's trace goes on.
func cause(ctx context.Context) store.Cause {
	return store.Cause{TraceParent: telemetry.TraceParent(ctx)}
}
