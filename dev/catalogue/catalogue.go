// Package catalogue holds the demonstration's input, a shop's products and a day of its orders, and reads such files.
package catalogue

import (
	_ "embed" // the input's files
)

//go:generate go run ./generate -seed 42 -out .

// The files that a demonstration uses unless it is given others. ReadProducts and ReadOrders read them.
var (
	//go:embed products.csv
	ProductsCSV string
	//go:embed orders.jsonl
	OrdersJSONL string
)

// Product is a line of products.csv.
type Product struct {
	ID                string
	SKU               string
	Name              string
	Price             int64 // minor units of Currency
	Currency          string
	Stock             int64 // pieces
	LowStockThreshold int64 // pieces
}

// Order is a line of orders.jsonl: the body of a POST to /v1/orders, and what the customer does afterwards.
type Order struct {
	UserID          string `json:"userId"`
	Items           []Item `json:"items"`
	PaymentToken    string `json:"paymentToken,omitempty"`
	ShippingAddress string `json:"shippingAddress,omitempty"`
	BillingAddress  string `json:"billingAddress,omitempty"`
	Notes           string `json:"notes,omitempty"`
	CancelAfter     string `json:"cancelAfter,omitempty"` // CancelAfterPlaced, CancelAfterPaid or empty: never
}

// Item is one line of an order.
type Item struct {
	ProductID string `json:"productId"`
	Quantity  int64  `json:"quantity"`
}

// When a customer cancels.
const (
	CancelAfterPlaced = "placed"
	CancelAfterPaid   = "paid"
)
