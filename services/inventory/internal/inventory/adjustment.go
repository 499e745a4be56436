package inventory

import (
	"time"

	"orderflow.example/schemas/inventoryv1"
)

// Source says where an adjustment of the stock came from.
type Source string

// The sources.
const (
	InitialStock Source = "INITIAL_STOCK" // the product was created with it
	Adjustment   Source = "ADJUSTMENT"    // AdjustStock
	Imported     Source = "IMPORT"        // the product was created with it by an import
)

// StockAdjustment is one change of a product's stock that no order made, as its StockAdjusted event tells it.
type StockAdjustment struct {
	ProductID string
	Sequence  int64 // of the event, among the product's own
	Delta     int64
	OnHand    int64 // after it
	Reason    string
	Actor     string
	Source    Source
	At        time.Time
}

// AdjustmentOf is what the trail keeps of an event with its sequence. The first of a product is its initial stock,
// whatever set it if nothing else is said.
func AdjustmentOf(e *inventoryv1.StockAdjusted, sequence int64, source Source) StockAdjustment {
	if source == "" {
		source = Adjustment
		if sequence == 1 {
			source = InitialStock
		}
	}
	return StockAdjustment{
		ProductID: e.ProductID, Sequence: sequence, Delta: e.Delta, OnHand: e.OnHand,
		Reason: e.Reason, Actor: e.Actor, Source: source, At: e.OccurredAt,
	}
}
