package api

import (
	"context"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/page"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// adjustmentPosition is what a page token of adjustments holds, adjustmentFilters is what it goes with.
type adjustmentPosition struct {
	At        time.Time `json:"at"`
	ProductID string    `json:"product_id"`
	Sequence  int64     `json:"sequence"`
}

type adjustmentFilters struct {
	ProductID, Actor string
	Source           inventory.Source
}

// ListStockAdjustments lists what no order did to the stock, newest first. A product that is not there is NotFound.
func (s *Server) ListStockAdjustments(ctx context.Context, req *inventoryv1.ListStockAdjustmentsRequest) (*inventoryv1.ListStockAdjustmentsResponse, error) {
	filters := adjustmentFilters{ProductID: req.GetProductId(), Actor: req.GetActor()}
	if req.GetSource() != inventoryv1.StockAdjustmentSource_UNSPECIFIED {
		filters.Source = inventory.Source(req.GetSource().String())
	}
	before, err := page.Position[adjustmentPosition](req.GetPageToken(), filters)
	if err != nil {
		return nil, err
	}
	size := page.Size(req.GetPageSize())
	filter := store.AdjustmentFilter{ProductID: filters.ProductID, Actor: filters.Actor, Source: filters.Source, Limit: size + 1}
	if before != nil {
		filter.Before = (*store.AdjustmentPosition)(before)
	}
	adjustments, total, err := store.ListAdjustments(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	if total == 0 && filters.ProductID != "" {
		if _, err := store.GetProduct(ctx, s.cfg.DB, filters.ProductID); err != nil {
			return nil, err
		}
	}
	response := &inventoryv1.ListStockAdjustmentsResponse{TotalSize: page.Total(total)}
	if len(adjustments) > size {
		adjustments = adjustments[:size]
		last := adjustments[size-1]
		position := adjustmentPosition{At: last.At, ProductID: last.ProductID, Sequence: last.Sequence}
		if response.NextPageToken, err = page.Token(filters, position); err != nil {
			return nil, err
		}
	}
	for _, a := range adjustments {
		response.StockAdjustments = append(response.StockAdjustments, adjustmentMessage(a))
	}
	return response, nil
}

func adjustmentMessage(a inventory.StockAdjustment) *inventoryv1.StockAdjustment {
	return &inventoryv1.StockAdjustment{
		ProductId: a.ProductID, Sequence: a.Sequence, Delta: a.Delta, OnHand: a.OnHand, Reason: a.Reason, Actor: a.Actor,
		Source:    inventoryv1.StockAdjustmentSource_Value(inventoryv1.StockAdjustmentSource_Value_value[string(a.Source)]),
		CreatedAt: timestamp(a.At),
	}
}
