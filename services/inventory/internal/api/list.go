package api

import (
	"context"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/page"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// productPosition and reservationPosition are what a page token holds: the last row of the page before. productFilters
// and reservationFilters are what it goes with.
type productPosition struct {
	ID string `json:"id"`
}

type productFilters struct {
	Archived bool
	SKU      string
	Low      bool
}

type reservationPosition struct {
	OrderID string `json:"order_id"`
}

type reservationFilters struct {
	OrderID   string
	ProductID string
	Status    inventoryv1.ReservationStatus_Value
}

// ListProducts lists products by id.
func (s *Server) ListProducts(ctx context.Context, req *inventoryv1.ListProductsRequest) (*inventoryv1.ListProductsResponse, error) {
	filters := productFilters{Archived: req.GetShowArchived(), SKU: req.GetSku(), Low: req.GetLowStockOnly()}
	after, err := page.Position[productPosition](req.GetPageToken(), filters)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.ProductFilter{Archived: filters.Archived, SKU: filters.SKU, Low: filters.Low, Limit: size + 1}
	if after != nil {
		filter.After = after.ID
	}
	products, total, err := store.ListProducts(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	response := &inventoryv1.ListProductsResponse{TotalSize: page.Total(total)}
	if len(products) > size {
		products = products[:size]
		if response.NextPageToken, err = page.Token(filters, productPosition{ID: products[size-1].ID}); err != nil {
			return nil, err
		}
	}
	for _, p := range products {
		response.Products = append(response.Products, productMessage(p))
	}
	return response, nil
}

// ListReservations lists reservations, those of the newest orders first.
func (s *Server) ListReservations(ctx context.Context, req *inventoryv1.ListReservationsRequest) (*inventoryv1.ListReservationsResponse, error) {
	filters := reservationFilters{OrderID: req.GetOrderId(), ProductID: req.GetProductId(), Status: req.GetStatus()}
	before, err := page.Position[reservationPosition](req.GetPageToken(), filters)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.ReservationFilter{
		OrderID: filters.OrderID, ProductID: filters.ProductID, Statuses: statusesShownAs(filters.Status), Limit: size + 1,
	}
	if before != nil {
		filter.Before = before.OrderID
	}
	reservations, total, err := store.ListReservations(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	response := &inventoryv1.ListReservationsResponse{TotalSize: page.Total(total)}
	if len(reservations) > size {
		reservations = reservations[:size]
		position := reservationPosition{OrderID: reservations[size-1].OrderID}
		if response.NextPageToken, err = page.Token(filters, position); err != nil {
			return nil, err
		}
	}
	for _, r := range reservations {
		response.Reservations = append(response.Reservations, reservationMessage(r))
	}
	return response, nil
}

// statusesShownAs are the domain's statuses behind one of the API's; none for no filter.
func statusesShownAs(shown inventoryv1.ReservationStatus_Value) []inventory.Status {
	var statuses []inventory.Status
	for _, status := range inventory.Statuses {
		if statusMessage(status) == shown {
			statuses = append(statuses, status)
		}
	}
	return statuses
}
