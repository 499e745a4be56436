package events

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
)

// limitBatch is how many orders are cancelled in one transaction.
const limitBatch = 500

// Limiter is what the passing of time does to sagas: it cancels orders whose step took too long before the
// confirmation, and alerts about the others.
type Limiter struct {
	db      *sqldb.DB
	store   *store.Store
	limits  order.Limits
	overdue *prometheus.GaugeVec
	log     *slog.Logger
	alerted map[order.Step]int64
}

// NewLimiter makes a limiter and registers its metric.
func NewLimiter(db *sqldb.DB, s *store.Store, limits order.Limits, log *slog.Logger, metrics prometheus.Registerer) (*Limiter, error) {
	overdue := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "saga_overdue", Help: "Orders whose saga is in a step for longer than its time limit, and that need an operator.",
	}, []string{"step"})
	if err := metrics.Register(overdue); err != nil {
		return nil, err
	}
	return &Limiter{db: db, store: s, limits: limits, overdue: overdue, log: log, alerted: map[order.Step]int64{}}, nil
}

// Fire handles every step whose time limit ended at or before the instant, and tells how many orders it cancelled.
func (l *Limiter) Fire(ctx context.Context, before time.Time) (int, error) {
	cancelled := 0
	for _, step := range order.CancellingSteps() {
		for {
			n, err := l.cancel(ctx, step, before.Add(-l.limits[step]))
			if err != nil {
				return cancelled, err
			}
			cancelled += n
			if n < limitBatch {
				break
			}
		}
	}
	for _, step := range order.AlertingSteps() {
		if err := l.alert(ctx, step, before.Add(-l.limits[step])); err != nil {
			return cancelled, err
		}
	}
	return cancelled, nil
}

// cancel ends up to limitBatch orders that entered the step at or before `began`.
func (l *Limiter) cancel(ctx context.Context, step order.Step, began time.Time) (cancelled int, err error) {
	due, err := store.SagasDue(ctx, l.db, step, began, limitBatch)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	ids := make([]string, len(due))
	for i, saga := range due {
		ids[i] = saga.OrderID
	}
	err = l.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		cancelled = 0
		work := l.store.Begin(tx)
		if err := work.Load(ctx, store.AnyOwner, ids...); err != nil {
			return err
		}
		for _, id := range ids {
			o := work.Order(id)
			if o == nil || o.Step != step {
				continue // its answer came in the meantime
			}
			events := order.PassLimit(o, began, work.Now())
			if err := work.Record(o, store.Cause{}, events...); err != nil {
				return err
			}
			cancelled += len(events)
		}
		return work.Flush(ctx)
	})
	return cancelled, err
}

// alert counts the orders that entered the step at or before `began`, and logs the number when it has changed.
func (l *Limiter) alert(ctx context.Context, step order.Step, began time.Time) error {
	n, err := store.CountSagasDue(ctx, l.db, step, began)
	if err != nil {
		return err
	}
	l.overdue.WithLabelValues(string(step)).Set(float64(n))
	if n > 0 && n != l.alerted[step] {
		oldest, err := store.SagasIn(ctx, l.db, step, 1)
		if err != nil || len(oldest) == 0 {
			return err // it has moved on: the next look tells
		}
		l.log.WarnContext(ctx, "sagas are past their time limit: an operator has to look at them",
			slog.String("step", string(step)), slog.Int64("orders", n), slog.String("waiting_for", step.Awaits()),
			slog.String("oldest_order_id", oldest[0].OrderID), slog.Time("oldest_since", oldest[0].Since))
	}
	l.alerted[step] = n
	return nil
}
