package check

import (
	"context"
	"fmt"
	"maps"

	"orderflow.example/kit/check"
	order "orderflow.example/order/app"
)

// Result is one invariant and what was found.
type Result struct {
	Name string
	check.Result
}

// Cross verifies the invariants that concern more than one service. They are exact at a quiet moment; an order that is
// still on its way is counted by Stuck, and not compared. What other services have yet to do for an order is Passing.
func Cross(ctx context.Context, dbs Databases) ([]Result, error) {
	f, err := read(ctx, dbs)
	if err != nil {
		return nil, err
	}
	return []Result{
		{"no product is oversold", f.oversold()},
		{"stock on hand = initial + adjustments - committed + returned", f.stockAddsUp()},
		{"stock taken for an order equals its items, and none is kept for a cancelled one", f.stockFollowsOrders()},
		{"money authorised = captured + voided, captured = kept + refunded", f.moneyAddsUp()},
		{"money kept equals what each order says", f.moneyFollowsOrders()},
		{factsTold, f.factsAreTold()},
	}, nil
}

// factsTold is the one invariant that the notifier has to work for.
const factsTold = "each order that was confirmed, paid, cancelled or refunded has been told of once"

// Stuck lists the orders whose saga is still under way: at a quiet moment there is none.
func Stuck(ctx context.Context, dbs Databases) (Result, error) {
	orders, err := order.OrderFacts(ctx, dbs.Order)
	if err != nil {
		return Result{}, fmt.Errorf("order: %w", err)
	}
	result := Result{Name: "no order is stuck"}
	result.Count = int64(len(orders))
	for _, o := range orders {
		if o.Step != "" || o.Status == "PENDING" || o.Status == "CONFIRMED" {
			result.Unfinished(o.ID, fmt.Sprintf("order %s is %s, step %s", o.ID, o.Status, o.Step))
		}
	}
	return result, nil
}

func (f *facts) oversold() check.Result {
	result := check.Result{Count: int64(len(f.stock))}
	for _, s := range f.stock {
		if s.OnHand < 0 || s.Reserved < 0 || s.Reserved > s.OnHand {
			result.Violations = append(result.Violations, fmt.Sprintf("product %s: %d on hand, %d reserved", s.ProductID, s.OnHand, s.Reserved))
		}
	}
	return result
}

func (f *facts) stockAddsUp() check.Result {
	result := check.Result{Count: int64(len(f.stock))}
	for _, s := range f.stock {
		if want := s.Initial + s.Adjusted - s.Committed + s.Returned; s.OnHand != want {
			result.Violations = append(result.Violations, fmt.Sprintf("product %s: %d on hand, %d by its movements", s.ProductID, s.OnHand, want))
		}
	}
	return result
}

// settled tells whether an order's saga has ended, so that the services must agree on it.
func settled(o order.OrderFact) bool {
	return o.Step == "" && o.Status != "PENDING" && o.Status != "CONFIRMED"
}

// wasPaid tells whether the order's saga ended well, whatever came after.
func wasPaid(status string) bool { return status != "CANCELLED" }

func (f *facts) stockFollowsOrders() check.Result {
	var result check.Result
	for _, o := range f.orders {
		if !settled(o) {
			continue
		}
		result.Count++
		r, known := f.reservations[o.ID]
		items := make(map[string]int64, len(o.Items))
		for _, item := range o.Items {
			items[item.ProductID] += int64(item.Quantity)
		}
		switch {
		case !known:
			result.Unfinished(o.ID, fmt.Sprintf("order %s is %s, and inventory does not know it", o.ID, o.Status))
		case wasPaid(o.Status) && (r.Status != "COMMITTED" || !maps.Equal(r.Items, items)):
			result.Unfinished(o.ID, fmt.Sprintf("order %s is %s, its stock is %s %v of %v", o.ID, o.Status, r.Status, r.Items, items))
		case !wasPaid(o.Status) && (r.Status == "COMMITTED" || r.Status == "HELD"):
			result.Unfinished(o.ID, fmt.Sprintf("order %s is %s, and its stock is %s", o.ID, o.Status, r.Status))
		}
	}
	return result
}

func (f *facts) moneyAddsUp() check.Result {
	result := check.Result{Count: int64(len(f.payments))}
	for _, p := range f.payments {
		if !p.Settled {
			continue
		}
		// A hold that was neither captured nor voided is money that somebody waits for.
		if p.Authorized != p.Captured+p.Voided || p.Refunded > p.Captured {
			result.Violations = append(result.Violations, fmt.Sprintf("order %s: authorised %d, captured %d, voided %d, refunded %d",
				p.OrderID, p.Authorized, p.Captured, p.Voided, p.Refunded))
		}
	}
	return result
}

func (f *facts) moneyFollowsOrders() check.Result {
	var result check.Result
	for _, o := range f.orders {
		if !settled(o) {
			continue
		}
		result.Count++
		p, known := f.payments[o.ID]
		kept, want := p.Captured-p.Refunded, int64(0)
		if wasPaid(o.Status) {
			want = o.Total - o.RefundedTotal
		}
		if (!known && want != 0) || kept != want || !p.Settled && known {
			result.Unfinished(o.ID, fmt.Sprintf("order %s is %s: %d kept, %d by the order; payment %s, settled %v",
				o.ID, o.Status, kept, want, p.Status, p.Settled))
		}
	}
	return result
}

func (f *facts) factsAreTold() check.Result {
	var result check.Result
	for _, o := range f.orders {
		if !settled(o) {
			continue
		}
		result.Count++
		times := make(map[[3]string]int)
		types := make(map[string]bool)
		for _, d := range f.told[o.ID] {
			times[[3]string{d.FactID, d.Channel, d.Recipient}]++
			types[d.FactType] = true
			if d.Status == "PENDING" {
				result.Unfinished(o.ID, fmt.Sprintf("order %s: its %s delivery of %s is still pending", o.ID, d.Channel, d.FactType))
			}
		}
		for key, n := range times {
			if n > 1 {
				result.Violations = append(result.Violations, fmt.Sprintf("order %s: fact %s was told %d times on %s", o.ID, key[0], n, key[1]))
			}
		}
		for _, want := range calledFor(o.Status) {
			if !types[want] {
				result.Unfinished(o.ID, fmt.Sprintf("order %s is %s, and nobody was told of %s", o.ID, o.Status, want))
			}
		}
	}
	return result
}

// calledFor are the facts that an order in a status has behind it for certain.
func calledFor(status string) []string {
	const ns = "orderflow.order.v1."
	switch status {
	case "CANCELLED":
		return []string{ns + "OrderCancelled"}
	case "REFUNDED":
		return []string{ns + "OrderConfirmed", ns + "OrderPaid", ns + "OrderRefunded"}
	}
	return []string{ns + "OrderConfirmed", ns + "OrderPaid"}
}
