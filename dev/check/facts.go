// Package check verifies what must hold across the four services. Each service's own invariants are its own checks.
package check

import (
	"context"
	"fmt"

	inventory "orderflow.example/inventory/app"
	"orderflow.example/kit/sqldb"
	notifier "orderflow.example/notifier/app"
	order "orderflow.example/order/app"
	payment "orderflow.example/payment/app"
)

// Databases are the four services' databases, read only.
type Databases struct {
	Order, Inventory, Payment, Notifier sqldb.Querier
}

// facts is what the services say of the same orders.
type facts struct {
	orders       []order.OrderFact
	reservations map[string]inventory.ReservationFact // by order
	payments     map[string]payment.PaymentFact       // by order
	told         map[string][]notifier.DeliveryFact   // by order
	stock        []inventory.StockFact
}

// read takes the orders first: what the others know of an order is then at least as new.
func read(ctx context.Context, dbs Databases) (*facts, error) {
	f := &facts{
		reservations: make(map[string]inventory.ReservationFact),
		payments:     make(map[string]payment.PaymentFact),
		told:         make(map[string][]notifier.DeliveryFact),
	}
	var err error
	if f.orders, err = order.OrderFacts(ctx, dbs.Order); err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	reservations, err := inventory.ReservationFacts(ctx, dbs.Inventory)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	for _, r := range reservations {
		f.reservations[r.OrderID] = r
	}
	if f.stock, err = inventory.StockFacts(ctx, dbs.Inventory); err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	payments, err := payment.PaymentFacts(ctx, dbs.Payment)
	if err != nil {
		return nil, fmt.Errorf("payment: %w", err)
	}
	for _, p := range payments {
		f.payments[p.OrderID] = p
	}
	deliveries, err := notifier.DeliveryFacts(ctx, dbs.Notifier)
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	for _, d := range deliveries {
		f.told[d.OrderID] = append(f.told[d.OrderID], d)
	}
	return f, nil
}
