package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// defaultCurrency is that of a product that names none.
const defaultCurrency = "KRW"

func newProduct(req *inventoryv1.CreateProductRequest) inventory.NewProduct {
	n := inventory.NewProduct{
		ID: req.GetProductId(), SKU: req.GetSku(), Name: req.GetName(), Description: req.GetDescription(),
		Price: req.GetPrice(), Currency: req.GetCurrency(),
		InitialStock: req.GetInitialStock(), LowThreshold: req.GetLowStockThreshold(),
	}
	if n.Currency == "" {
		n.Currency = defaultCurrency
	}
	return n
}

// updateOf takes the fields that the mask names.
func updateOf(req *inventoryv1.UpdateProductRequest) (inventory.ProductUpdate, error) {
	var update inventory.ProductUpdate
	product := req.GetProduct()
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		return update, errs.Invalid(errs.Field{Name: "updateMask", Rule: "required", Description: "must name at least one field"})
	}
	for _, path := range paths {
		switch path {
		case "name":
			update.Name = &product.Name
		case "description":
			update.Description = &product.Description
		case "price":
			update.Price = &product.Price
		case "low_stock_threshold":
			update.LowThreshold = &product.LowStockThreshold
		case "archived":
			update.Archived = &product.Archived
		default:
			return update, errs.Invalid(errs.Field{Name: "updateMask", Rule: "field_mask.in", Description: path + " can't be changed"})
		}
	}
	return update, nil
}

func productMessage(p *inventory.Product) *inventoryv1.Product {
	return &inventoryv1.Product{
		Id: p.ID, Sku: p.SKU, Name: p.Name, Description: p.Description, Price: p.Price, Currency: p.Currency,
		OnHand: p.Stock.OnHand, Reserved: p.Stock.Reserved, Available: p.Stock.Available(), LowStockThreshold: p.Stock.LowThreshold,
		Version: p.Version, Archived: p.Archived, CreatedAt: timestamp(p.CreatedAt), UpdatedAt: timestamp(p.UpdatedAt),
	}
}

func reservationMessage(r *inventory.Reservation) *inventoryv1.Reservation {
	m := &inventoryv1.Reservation{
		OrderId: r.OrderID, Status: statusMessage(r.Status),
		ExpiresAt: timestamp(r.ExpiresAt), CreatedAt: timestamp(r.CreatedAt), UpdatedAt: timestamp(r.UpdatedAt),
	}
	for _, line := range r.Lines {
		m.Items = append(m.Items, &inventoryv1.ReservationItem{ProductId: line.ProductID, Quantity: int64(line.Quantity)})
	}
	return m
}

// statusMessage is a status as the API shows it: under the same name.
func statusMessage(s inventory.Status) inventoryv1.ReservationStatus_Value {
	return inventoryv1.ReservationStatus_Value(inventoryv1.ReservationStatus_Value_value[string(s)])
}

// timestamp is nil for an instant that was not reached.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
