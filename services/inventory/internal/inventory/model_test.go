package inventory

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
)

// Any facts in any order: nothing is oversold, the levels add up, what the products say is held is what the orders
// hold, and the fold of the events gives the same state again.
func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	products := []string{"p1", "p2", "p3"}
	orders := []string{"o1", "o2", "o3", "o4", "o5"}
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t, map[string]int64{})
		for _, id := range products {
			h.add(NewProduct{ID: id, SKU: id, Name: id, Price: 1, Currency: "KRW",
				InitialStock: rapid.Int64Range(0, 12).Draw(t, "stock"), LowThreshold: rapid.Int64Range(0, 4).Draw(t, "threshold")})
		}
		items := map[string][]orderv1.OrderItem{}
		for _, id := range orders {
			for range rapid.IntRange(1, 4).Draw(t, "lines") {
				product := rapid.SampledFrom(append(products, "unknown", "p1", "p2", "p3")).Draw(t, "product")
				items[id] = append(items[id], item(product, rapid.Int32Range(1, 4).Draw(t, "quantity")))
			}
		}
		order := rapid.SampledFrom(orders)
		product := rapid.SampledFrom(products)
		t.Repeat(map[string]func(*rapid.T){
			"place":   func(t *rapid.T) { id := order.Draw(t, "order"); h.place(id, items[id]...) },
			"confirm": func(t *rapid.T) { id := order.Draw(t, "order"); h.confirm(id, items[id]...) },
			"cancel":  func(t *rapid.T) { h.cancel(order.Draw(t, "order")) },
			"expire":  func(t *rapid.T) { h.expire(order.Draw(t, "order"), noon.Add(hold)) },
			"adjust": func(t *rapid.T) {
				p := h.shelf[product.Draw(t, "product")]
				delta := rapid.Int64Range(-6, 6).Draw(t, "delta")
				events, err := Adjust(p, delta, "counted", "u1", noon)
				if refused := p.Stock.Available()+delta < 0; refused != (err != nil) {
					t.Fatalf("delta %d of %d available: %v", delta, p.Stock.Available(), err)
				}
				h.record(nil, events)
			},
			"archive": func(t *rapid.T) {
				archived := rapid.Bool().Draw(t, "archived")
				h.record(nil, h.must(Update(h.shelf[product.Draw(t, "product")], ProductUpdate{Archived: &archived}, noon)))
			},
			"": func(t *rapid.T) {
				h.checkStock()
				h.checkHeld()
			},
		})
		h.checkFold()
	})
}

// checkFold rebuilds everything from the events and compares.
func (h *house) checkFold() {
	h.Helper()
	catalogue, orders := map[string]*Product{}, map[string]*Reservation{}
	product := func(id string) *Product {
		if catalogue[id] == nil {
			catalogue[id] = &Product{}
		}
		return catalogue[id]
	}
	for _, event := range h.log {
		var err error
		switch e := event.(type) {
		case *inventoryv1.ProductChanged:
			err = product(e.ProductID).Apply(e)
		case *inventoryv1.StockAdjusted:
			err = product(e.ProductID).Stock.Apply(e)
		case *inventoryv1.LowStock:
			err = product(e.ProductID).Stock.Apply(e)
		default:
			id := OrderOf(event)
			if orders[id] == nil {
				orders[id] = &Reservation{OrderID: id}
			}
			err = orders[id].Apply(e)
		}
		if err != nil {
			h.Fatalf("%v", err)
		}
	}
	for id, r := range h.orders {
		if r.Sequence > 0 && !reflect.DeepEqual(r, orders[id]) {
			h.Fatalf("order %s is %+v, its events say %+v", id, r, orders[id])
		}
	}
	for id, p := range h.shelf {
		folded := *catalogue[id]
		if folded.Stock.Initial != p.Stock.Initial || folded.Stock.Adjustments != p.Stock.Adjustments || folded.Stock.Sequence != p.Stock.Sequence {
			h.Fatalf("stock of %s is %+v, its events say %+v", id, p.Stock, folded.Stock)
		}
		folded.Stock = p.Stock
		if folded != *p {
			h.Fatalf("product %s is %+v, its events say %+v", id, *p, folded)
		}
	}
}
