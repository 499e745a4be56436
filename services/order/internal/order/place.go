package order

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// Bounds of a new order.
const (
	MaxItems    = 50
	MaxQuantity = 1000
)

// DefaultCurrency is the currency of an order that names none.
const DefaultCurrency = "KRW"

// Product is what the read model knows of a product.
type Product struct {
	ID       string
	SKU      string
	Name     string
	Price    int64 // minor units of Currency
	Currency string
	Version  int64
	Archived bool // no longer sold
}

// Placement asks for a new order.
type Placement struct {
	ID       string // of the new order
	Nonce    uint32 // ends the order number
	UserID   string
	Items    []Line
	Currency string // empty: DefaultCurrency

	ExpectedTotal *int64 // what the client showed; an assertion, never an input
	PaymentToken  string

	CustomerName    string
	CustomerEmail   string
	ShippingAddress string
	BillingAddress  string
	Notes           string
	Metadata        string
}

// Line asks for a quantity of a product. It names no price: the catalogue does.
type Line struct {
	ProductID string
	Quantity  int32
}

// New is the order to which the event of the placement is applied. It keeps what that does not tell.
func New(p Placement) *Order { return &Order{PaymentToken: p.PaymentToken} }

// Place decides on a new order at the catalogue's prices.
func Place(p Placement, catalogue map[string]Product, now time.Time) (Event, error) {
	currency := p.Currency
	if currency == "" {
		currency = DefaultCurrency
	}
	if faults := lineFaults(p.Items, currency, catalogue); len(faults) > 0 {
		return nil, errs.Invalid(faults...)
	}
	items, total, err := price(p.Items, catalogue)
	if err != nil {
		return nil, err
	}
	if p.ExpectedTotal != nil && *p.ExpectedTotal != total {
		return nil, errs.New(errs.FailedPrecondition, "TOTAL_CHANGED", "the total is now %d %s, not the expected %d", total, currency, *p.ExpectedTotal).
			With("current_total", strconv.FormatInt(total, 10)).With("currency", currency).
			Naming(errs.Field{Name: "expectedTotal", Rule: "expected_total.current", Description: fmt.Sprintf("the total is now %d", total)})
	}
	return &orderv1.OrderPlaced{
		OrderID: p.ID, OrderNumber: Number(now, p.Nonce), UserID: p.UserID,
		Items: items, Total: total, Currency: currency,
		CustomerName: optional(p.CustomerName), CustomerEmail: optional(p.CustomerEmail),
		ShippingAddress: optional(p.ShippingAddress), BillingAddress: optional(p.BillingAddress),
		Notes: optional(p.Notes), Metadata: optional(p.Metadata), OccurredAt: now,
	}, nil
}

// Number is the number that people read. The nonce tells apart the orders of one second.
func Number(now time.Time, nonce uint32) string {
	return fmt.Sprintf("ORD%s%08X", now.UTC().Format("20060102150405"), nonce)
}

func lineFaults(lines []Line, currency string, catalogue map[string]Product) []errs.Field {
	if len(lines) < 1 || len(lines) > MaxItems {
		return []errs.Field{{Name: "items", Rule: "items.count", Description: fmt.Sprintf("must have 1 to %d lines, not %d", MaxItems, len(lines))}}
	}
	var faults []errs.Field
	firstLine := make(map[string]int, len(lines))
	for i, line := range lines {
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			faults = append(faults, errs.Field{
				Name: fmt.Sprintf("items[%d].quantity", i), Rule: "quantity.range",
				Description: fmt.Sprintf("must be 1 to %d, not %d", MaxQuantity, line.Quantity),
			})
		}
		if rule, why := productFault(line.ProductID, currency, catalogue); rule != "" {
			faults = append(faults, errs.Field{Name: fmt.Sprintf("items[%d].productId", i), Rule: rule, Description: why})
		} else if first, doubled := firstLine[line.ProductID]; doubled {
			faults = append(faults, errs.Field{
				Name: fmt.Sprintf("items[%d].productId", i), Rule: "product.unique",
				Description: fmt.Sprintf("product %s is already in items[%d]: add the quantities up", line.ProductID, first),
			})
		} else {
			firstLine[line.ProductID] = i
		}
	}
	return faults
}

func productFault(id, currency string, catalogue map[string]Product) (rule, why string) {
	product, known := catalogue[id]
	switch {
	case !known:
		return "product.exists", fmt.Sprintf("there is no product %s", id)
	case product.Archived:
		return "product.sold", fmt.Sprintf("product %s is no longer sold", id)
	case product.Currency != currency:
		return "product.currency", fmt.Sprintf("product %s is sold in %s, the order is in %s", id, product.Currency, currency)
	}
	return "", ""
}

// price makes the lines of the order and their sum, refusing a sum that int64 does not hold.
func price(lines []Line, catalogue map[string]Product) ([]orderv1.OrderItem, int64, error) {
	items := make([]orderv1.OrderItem, len(lines))
	var total int64
	for i, line := range lines {
		product := catalogue[line.ProductID]
		if product.Price > (math.MaxInt64-total)/int64(line.Quantity) {
			return nil, 0, errs.Invalid(errs.Field{
				Name: fmt.Sprintf("items[%d].quantity", i), Rule: "total.range", Description: "the order's total is too large",
			})
		}
		total += product.Price * int64(line.Quantity)
		items[i] = orderv1.OrderItem{
			ProductID: product.ID, Sku: product.SKU, Name: product.Name, UnitPrice: product.Price, Quantity: line.Quantity,
		}
	}
	return items, total, nil
}
