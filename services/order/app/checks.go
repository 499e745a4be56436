package app

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/check"
	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
)

// checks are the order service's own invariants, after those of all services.
func checks(s *service.Service, limits order.Limits) []check.Check {
	return append(check.Common(),
		check.Check{Name: "orders equal the fold of their events", Run: func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
			return store.Verify(ctx, q, s.Codec.Decode)
		}},
		check.Check{Name: "payment status and refunds go with the order's status", Run: store.PaymentsAgree},
		check.Check{Name: "the summary equals the orders", Run: store.SummaryAgrees},
		check.Check{Name: "no saga is past its time limit", Run: func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
			now, err := s.DB.Now(ctx)
			if err != nil {
				return check.Result{}, err
			}
			return overdue(ctx, q, limits, now)
		}},
	)
}

// overdueShown is how many overdue sagas are named.
const overdueShown = 20

func overdue(ctx context.Context, q sqldb.Querier, limits order.Limits, now time.Time) (check.Result, error) {
	var result check.Result
	var err error
	if result.Count, err = store.CountSagas(ctx, q); err != nil {
		return result, err
	}
	for step, limit := range limits {
		sagas, err := store.SagasDue(ctx, q, step, now.Add(-limit), overdueShown)
		if err != nil {
			return result, err
		}
		for _, saga := range sagas {
			result.Unfinished(saga.OrderID, fmt.Sprintf("order %s is in %s since %s and waits for %s",
				saga.OrderID, saga.Step, saga.Since.Format(time.RFC3339), saga.Step.Awaits()))
		}
	}
	return result, nil
}
