package inventory

import (
	"fmt"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/inventoryv1"
)

// Product is what is sold, and its stock. The catalogue part is the fold of its ProductChanged events.
type Product struct {
	ID          string
	SKU         string
	Name        string
	Description string
	Price       int64  // minor units
	Currency    string // ISO 4217
	Version     int64  // counts the changes, from 1; the sequence in product.events
	Archived    bool   // no longer sold: nothing of it can be newly reserved
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Stock       Stock
}

// NewProduct is what a product starts with.
type NewProduct struct {
	ID, SKU, Name, Description string
	Price                      int64
	Currency                   string
	InitialStock               int64
	LowThreshold               int64
}

// Create makes a product: its first version and its initial stock.
func Create(n NewProduct, actor string, now time.Time) (*Product, []Event) {
	product := &Product{ID: n.ID, Stock: Stock{LowThreshold: n.LowThreshold}}
	changed := &inventoryv1.ProductChanged{
		ProductID: n.ID, Sku: n.SKU, Name: n.Name, Description: n.Description, Price: n.Price, Currency: n.Currency,
		Version: 1, OccurredAt: now,
	}
	stocked := &inventoryv1.StockAdjusted{
		ProductID: n.ID, Delta: n.InitialStock, OnHand: n.InitialStock, Reason: "Initial stock", Actor: actor, OccurredAt: now,
	}
	return product, []Event{changed, stocked}
}

// ProductUpdate names what changes; nil is left as it is.
type ProductUpdate struct {
	Name, Description *string
	Price             *int64
	LowThreshold      *int64
	Archived          *bool
}

// Update changes a product. Whatever changes counts as a version; an update that changes nothing makes no event.
// The threshold is no part of ProductChanged, so it is set here.
func Update(p *Product, u ProductUpdate, now time.Time) ([]Event, error) {
	before := p.State()
	changed := before
	set(&changed.Name, u.Name)
	set(&changed.Description, u.Description)
	set(&changed.Price, u.Price)
	set(&changed.Archived, u.Archived)
	threshold := p.Stock.LowThreshold
	set(&threshold, u.LowThreshold)
	if changed == before && threshold == p.Stock.LowThreshold {
		return nil, nil
	}
	if changed.Name == "" {
		return nil, errs.Invalid(errs.Field{Name: "product.name", Rule: "required", Description: "must not be empty"})
	}
	if changed.Price <= 0 {
		return nil, errs.Invalid(errs.Field{Name: "product.price", Rule: "int64.gt", Description: "must be above 0"})
	}
	p.Stock.LowThreshold = threshold
	changed.Version++
	changed.OccurredAt = now
	return []Event{&changed}, nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// State is the ProductChanged that led to what the product is now.
func (p *Product) State() inventoryv1.ProductChanged {
	return inventoryv1.ProductChanged{
		ProductID: p.ID, Sku: p.SKU, Name: p.Name, Description: p.Description, Price: p.Price, Currency: p.Currency,
		Version: p.Version, Archived: p.Archived, OccurredAt: p.UpdatedAt,
	}
}

// Apply folds a ProductChanged into the catalogue part.
func (p *Product) Apply(event Event) error {
	e, ok := event.(*inventoryv1.ProductChanged)
	if !ok {
		return fmt.Errorf("%s is not an event of a product", event.RecordName())
	}
	if p.Version == 0 {
		p.CreatedAt = e.OccurredAt
	}
	p.ID, p.SKU, p.Name, p.Description = e.ProductID, e.Sku, e.Name, e.Description
	p.Price, p.Currency = e.Price, e.Currency
	p.Version, p.Archived, p.UpdatedAt = e.Version, e.Archived, e.OccurredAt
	return nil
}

// fallingLow warns when taking the pieces brings the free stock from above the threshold down to it or below.
func (p *Product) fallingLow(pieces int64, now time.Time) Event {
	before := p.Stock.Available()
	after := before - pieces
	if before <= p.Stock.LowThreshold || after > p.Stock.LowThreshold {
		return nil
	}
	return &inventoryv1.LowStock{ProductID: p.ID, Available: after, Threshold: p.Stock.LowThreshold, OccurredAt: now}
}
