package main

import (
	"fmt"
	"slices"
)

// samples are the values of the examples by the name of the field, or of event and field: all examples tell of one order.
var samples = map[string]any{
	"actor":              "s1",
	"amount":             24000,
	"archived":           false,
	"attempts":           1,
	"available":          8,
	"billing_address":    "1 Main Street, Seoul",
	"carrier":            "CJ",
	"channel":            "email",
	"code":               "card_declined",
	"currency":           "KRW",
	"customer_email":     "u123@example.com",
	"customer_name":      "Kim Minji",
	"delta":              -3,
	"description":        "Stoneware, 300 ml.",
	"expires_at":         1795362345330000,
	"fact_id":            "019392f0-7210-7f4d-92e3-0b6a8c5d1f49",
	"fact_type":          "orderflow.order.v1.OrderPaid",
	"metadata":           `{"cart":"1"}`,
	"name":               "Blue cup",
	"notes":              "Please ring twice.",
	"notification_id":    "019392f0-6ee1-7d03-a8b2-1c5e9f7a4d60",
	"occurred_at":        1795361445120000,
	"on_hand":            97,
	"order_id":           "019392f0-6d2a-7c31-b5e0-2f4a8c9d1e07",
	"order_number":       "ORD202611221530450A1B2C3D",
	"payment_failed":     false,
	"payment_id":         "019392f0-6d8e-7a52-9c14-6b7d0e2f3a81",
	"payment_token":      "tok_visa",
	"price":              12000,
	"product_id":         "cup-blue",
	"provider":           "simulator",
	"provider_reference": "auth_8c1f",
	"quantity":           2,
	"reason":             "changed my mind",
	"refund_id":          "019397b2-10aa-7f06-8d3c-5e1b2a9c4f70",
	"refunded_total":     24000,
	"requested":          12,
	"shipping_address":   "1 Main Street, Seoul",
	"sku":                "CUP-BLUE",
	"threshold":          10,
	"total":              24000,
	"tracking_number":    "640012345678",
	"transaction_id":     "auth_8c1f",
	"unit_price":         12000,
	"user_id":            "u123",
	"version":            1,

	"OrderProcessing.reason":      "picked from shelf 4",
	"OrderDelivered.reason":       "left with a neighbour",
	"OrderShipped.reason":         "handed over at 09:12",
	"StockAdjusted.reason":        "broken in the store",
	"StockRejected.reason":        "cup-blue: 12 asked for, 8 available",
	"StockCommitFailed.reason":    "cup-blue: 12 asked for, 8 available",
	"PaymentDeclined.reason":      "the card was declined",
	"PaymentCaptureFailed.reason": "the authorisation had expired",
	"PaymentRefundFailed.reason":  "the card was closed",
	"RefundFailed.reason":         "the card was closed",
	"RefundRequested.reason":      "one cup was broken",
	"PaymentCaptureFailed.code":   "authorization_expired",
	"PaymentRefundFailed.code":    "card_closed",
	"NotificationFailed.attempts": 8,
	"NotificationFailed.status":   "FAILED",
}

func sampleOf(event, name string) (any, bool) {
	if value, ok := samples[event+"."+name]; ok {
		return value, true
	}
	value, ok := samples[name]
	return value, ok
}

// sample is the example of a field of a plain type.
func sample(event, name, avroType string) (any, error) {
	value, ok := sampleOf(event, name)
	if !ok {
		return nil, fmt.Errorf("no example: add %q to samples in schemas/internal/catalogue/samples.go", name)
	}
	fits := false
	switch value.(type) {
	case string:
		fits = avroType == "string"
	case int:
		fits = avroType == "int" || avroType == "long"
	case bool:
		fits = avroType == "boolean"
	}
	if !fits {
		return nil, fmt.Errorf("the example %v in schemas/internal/catalogue/samples.go is no %s", value, avroType)
	}
	return value, nil
}

// sampleSymbol is the example of an enum: the one of samples, or the first that is not the default UNKNOWN.
func sampleSymbol(event, name string, symbols []string) (string, error) {
	value, _ := sampleOf(event, name)
	if symbol, ok := value.(string); ok && slices.Contains(symbols, symbol) {
		return symbol, nil
	}
	for _, symbol := range symbols {
		if symbol != "UNKNOWN" {
			return symbol, nil
		}
	}
	return "", fmt.Errorf("an enum without symbols")
}
