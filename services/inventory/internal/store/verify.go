package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas"
)

// Verify compares every reservation, every product's catalogue part, and what staff did to its stock with the fold of
// their event logs. (What orders did to the stock is an invariant of its own, see Checks.) It may run beside the
// service.
func Verify(ctx context.Context, q sqldb.Querier, decode outbox.Decode) (check.Result, error) {
	result, err := outbox.Verify(ctx, q, decode, outbox.Fold[*holding, inventory.Event]{
		Topic:       schemas.InventoryEvents,
		New:         func(key string) *holding { return &holding{key: key} },
		Apply:       (*holding).apply,
		Rows:        holdings,
		Sequence:    (*holding).sequence,
		Differences: (*holding).differences,
		Keys:        []outbox.Keys{{Table: "reservations", Column: "order_id"}, {Table: "stock", Column: "product_id"}},
	})
	if err != nil {
		return result, err
	}
	products, err := outbox.Verify(ctx, q, decode, outbox.Fold[*inventory.Product, inventory.Event]{
		Topic: schemas.ProductEvents,
		New:   func(id string) *inventory.Product { return &inventory.Product{ID: id} },
		Apply: (*inventory.Product).Apply,
		Rows: func(ctx context.Context, q sqldb.Querier, folded map[string]*inventory.Product) (map[string]*inventory.Product, error) {
			return productRows(ctx, q, slices.Collect(maps.Keys(folded)))
		},
		Sequence: func(row *inventory.Product) int64 { return row.Version },
		Differences: func(folded, row *inventory.Product) []string {
			return outbox.Differences(catalogue(folded), catalogue(row))
		},
		Keys: []outbox.Keys{{Table: "products", Column: "id"}},
	})
	result.Count += products.Count
	result.Violations = append(result.Violations, products.Violations...)
	return result, err
}

// holding is what the inventory events of one key tell of: a reservation, or the stock of a product.
type holding struct {
	key         string
	reservation *inventory.Reservation
	stock       *inventory.Stock
}

func (h *holding) apply(event inventory.Event) error {
	if inventory.OrderOf(event) != "" {
		if h.reservation == nil {
			h.reservation = &inventory.Reservation{OrderID: h.key}
		}
		return h.reservation.Apply(event)
	}
	if h.stock == nil {
		h.stock = &inventory.Stock{}
	}
	return h.stock.Apply(event)
}

func (h *holding) sequence() int64 {
	if h.reservation != nil {
		return h.reservation.Sequence
	}
	return h.stock.Sequence
}

func (h *holding) differences(row *holding) []string {
	if h.reservation != nil {
		return outbox.Differences(*h.reservation, *row.reservation)
	}
	return outbox.Differences(adjusted(*h.stock), adjusted(*row.stock))
}

// holdings reads the reservations and the stock that were folded.
func holdings(ctx context.Context, q sqldb.Querier, folded map[string]*holding) (map[string]*holding, error) {
	var orders, products []string
	for key, h := range folded {
		if h.reservation != nil {
			orders = append(orders, key)
		} else {
			products = append(products, key)
		}
	}
	found := make(map[string]*holding, len(folded))
	reservations, err := sqldb.CollectIn(ctx, q, scanReservation, selectReservations+"WHERE order_id", orders, "")
	if err == nil {
		err = readLines(ctx, q, reservations)
	}
	if err != nil {
		return nil, fmt.Errorf("read reservations: %w", err)
	}
	for _, r := range reservations {
		found[r.OrderID] = &holding{key: r.OrderID, reservation: r}
	}
	rows, err := productRows(ctx, q, products)
	for id, p := range rows {
		found[id] = &holding{key: id, stock: &p.Stock}
	}
	return found, err
}

func productRows(ctx context.Context, q sqldb.Querier, ids []string) (map[string]*inventory.Product, error) {
	all, err := sqldb.CollectIn(ctx, q, scanProduct, selectProducts+"WHERE p.id", ids, "")
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	found := make(map[string]*inventory.Product, len(all))
	for _, p := range all {
		found[p.ID] = p
	}
	return found, nil
}

// catalogue is the part of a product that ProductChanged tells.
func catalogue(p *inventory.Product) inventory.Product {
	part := *p
	part.Stock = inventory.Stock{}
	return part
}

// adjusted is the part of a product's stock that its own events tell.
func adjusted(s inventory.Stock) inventory.Stock {
	return inventory.Stock{Initial: s.Initial, Adjustments: s.Adjustments, Sequence: s.Sequence}
}
