package order

import (
	"strings"
	"testing"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// Every event that a timeline can hold has words of its own.
func TestEveryEventHasASummary(t *testing.T) {
	for _, events := range []map[string]func() any{orderv1.Events, inventoryv1.Events, paymentv1.Events} {
		for name, empty := range events {
			switch empty().(type) {
			case *inventoryv1.ProductChanged, *inventoryv1.StockAdjusted, *inventoryv1.LowStock:
				continue // of products, not of orders
			}
			got := Summary(empty().(Event))
			if got == "" || strings.Contains(name, "."+got) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if got := Summary(unknownEvent{}); got != "OrderTeleported" {
		t.Errorf("an event of a newer version: %q", got)
	}
	if got := Summary(stockRejected()); got != "Stock not to be had: sold out" {
		t.Error(got)
	}
	if got := Summary(placed(t).events[0]); got != "Placed: 2 lines, 2250 KRW" {
		t.Error(got)
	}
}
