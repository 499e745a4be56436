package api

import (
	"context"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/page"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// productPosition and reservationPosition are what a page token holds: the filters that it goes with, and the last row
// of the page before.
type productPosition struct {
	Archived bool   `json:"archived"`
	ID       string `json:"id"`
}

type reservationPosition struct {
	OrderFilter string `json:"order_filter"`
	Status      int32  `json:"status"`
	OrderID     string `json:"order_id"`
}

// ListProducts lists products by id.
func (s *Server) ListProducts(ctx context.Context, req *inventoryv1.ListProductsRequest) (*inventoryv1.ListProductsResponse, error) {
	after, err := page.Position[productPosition](req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.ProductFilter{Archived: req.GetShowArchived(), Limit: size + 1}
	if after != nil {
		if after.Archived != filter.Archived {
			return nil, page.OtherFilters()
		}
		filter.After = after.ID
	}
	products, total, err := store.ListProducts(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	response := &inventoryv1.ListProductsResponse{TotalSize: page.Total(total)}
	if len(products) > size {
		products = products[:size]
		response.NextPageToken, err = page.Token(productPosition{Archived: filter.Archived, ID: products[size-1].ID})
		if err != nil {
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
	before, err := page.Position[reservationPosition](req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.ReservationFilter{OrderID: req.GetOrderId(), Statuses: statusesShownAs(req.GetStatus()), Limit: size + 1}
	position := reservationPosition{OrderFilter: req.GetOrderId(), Status: int32(req.GetStatus())}
	if before != nil {
		if before.OrderFilter != position.OrderFilter || before.Status != position.Status {
			return nil, page.OtherFilters()
		}
		filter.Before = before.OrderID
	}
	reservations, total, err := store.ListReservations(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	response := &inventoryv1.ListReservationsResponse{TotalSize: page.Total(total)}
	if len(reservations) > size {
		reservations = reservations[:size]
		position.OrderID = reservations[size-1].OrderID
		if response.NextPageToken, err = page.Token(position); err != nil {
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
