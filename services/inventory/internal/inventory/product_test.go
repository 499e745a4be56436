package inventory

import (
	"errors"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/inventoryv1"
)

func tea(h *house) *Product {
	return h.add(NewProduct{
		ID: "tea", SKU: "T-1", Name: "Tea", Description: "Green", Price: 900, Currency: "KRW", InitialStock: 10, LowThreshold: 3,
	})
}

func TestCreateStartsWithTheFirstVersionAndTheInitialStock(t *testing.T) {
	h := newHouse(t, nil)
	p := tea(h)
	if names(h.log) != "ProductChanged StockAdjusted" {
		t.Error(names(h.log))
	}
	want := Product{
		ID: "tea", SKU: "T-1", Name: "Tea", Description: "Green", Price: 900, Currency: "KRW", Version: 1,
		CreatedAt: noon, UpdatedAt: noon,
		Stock: Stock{OnHand: 10, Initial: 10, LowThreshold: 3, Sequence: 1},
	}
	if *p != want {
		t.Errorf("%+v", *p)
	}
}

func TestUpdateChangesWhatItNames(t *testing.T) {
	h := newHouse(t, nil)
	p := tea(h)
	later := noon.Add(time.Hour)
	name, price, archived, threshold := "Black tea", int64(950), true, int64(5)
	h.record(nil, h.must(Update(p, ProductUpdate{Name: &name, Price: &price}, later)))
	if p.Name != name || p.Price != price || p.Description != "Green" || p.Version != 2 || !p.UpdatedAt.Equal(later) || !p.CreatedAt.Equal(noon) {
		t.Errorf("%+v", p)
	}
	h.record(nil, h.must(Update(p, ProductUpdate{Archived: &archived, LowThreshold: &threshold}, later)))
	if !p.Archived || p.Stock.LowThreshold != 5 || p.Version != 3 {
		t.Errorf("%+v", p)
	}
	changed := h.log[len(h.log)-1].(*inventoryv1.ProductChanged)
	if *changed != p.State() {
		t.Errorf("the event says %+v, the product is %+v", *changed, p.State())
	}
}

func TestUpdateThatChangesNothingIsNoVersion(t *testing.T) {
	h := newHouse(t, nil)
	p := tea(h)
	name := p.Name
	if events := h.must(Update(p, ProductUpdate{Name: &name}, noon)); len(events) > 0 || p.Version != 1 {
		t.Error(names(events), p.Version)
	}
}

func TestUpdateRefusesAnEmptyNameAndNoPrice(t *testing.T) {
	h := newHouse(t, nil)
	p := tea(h)
	empty, zero := "", int64(0)
	for field, update := range map[string]ProductUpdate{"product.name": {Name: &empty}, "product.price": {Price: &zero}} {
		_, err := Update(p, update, noon)
		var e *errs.Error
		if !errors.As(err, &e) || e.Code != errs.InvalidArgument || len(e.Fields) != 1 || e.Fields[0].Name != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAdjust(t *testing.T) {
	for _, c := range []struct {
		name     string
		delta    int64
		events   string // empty: refused
		expected string
	}{
		{"add", 5, "StockAdjusted", "on_hand 15 reserved 4"},
		{"take some", -2, "StockAdjusted", "on_hand 8 reserved 4"},
		{"take down to the threshold", -3, "StockAdjusted LowStock", "on_hand 7 reserved 4"},
		{"take all that is free", -6, "StockAdjusted LowStock", "on_hand 4 reserved 4"},
		{"take what is held", -7, "", "on_hand 10 reserved 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, nil)
			p := tea(h)
			h.place("o1", item("tea", 4))
			events, err := Adjust(p, c.delta, "counted", "u7", noon)
			if c.events == "" {
				var e *errs.Error
				if !errors.As(err, &e) || e.Code != errs.FailedPrecondition || e.Reason != "INSUFFICIENT_STOCK" || e.Metadata["available"] != "6" {
					t.Errorf("%v", err)
				}
				events = nil
			} else if err != nil {
				t.Fatal(err)
			}
			h.record(nil, events)
			if names(events) != c.events || h.levels("tea") != c.expected {
				t.Error(names(events), h.levels("tea"))
			}
			if len(events) > 0 {
				e := events[0].(*inventoryv1.StockAdjusted)
				if e.Delta != c.delta || e.OnHand != p.Stock.OnHand || e.Reason != "counted" || e.Actor != "u7" || p.Stock.Adjustments != c.delta {
					t.Errorf("%+v; %+v", e, p.Stock)
				}
			}
		})
	}
}

// A product is warned of when its free stock falls to the threshold, not with each order below it.
func TestLowStockIsToldOnceEachTimeItFalls(t *testing.T) {
	h := newHouse(t, nil)
	p := tea(h) // 10 pieces, threshold 3
	steps := []struct {
		happens func() []Event
		tells   string
	}{
		{func() []Event { return h.place("o1", item("tea", 6)) }, "StockReserved"},          // 4 free
		{func() []Event { return h.place("o2", item("tea", 1)) }, "StockReserved LowStock"}, // 3
		{func() []Event { return h.place("o3", item("tea", 1)) }, "StockReserved"},          // 2
		{func() []Event { return h.confirm("o3") }, "StockCommitted"},                       // 2
		{func() []Event { return h.cancel("o2") }, "StockReleased"},                         // 3
		{func() []Event { return h.cancel("o1") }, "StockReleased"},                         // 9
		{func() []Event { return h.place("o4", item("tea", 9)) }, "StockReserved LowStock"}, // 0
	}
	for i, step := range steps {
		if events := step.happens(); names(events) != step.tells {
			t.Errorf("step %d: %s, want %s", i+1, names(events), step.tells)
		}
	}
	low := h.log[len(h.log)-1].(*inventoryv1.LowStock)
	if low.ProductID != "tea" || low.Available != 0 || low.Threshold != 3 {
		t.Errorf("%+v", low)
	}
	if p.Stock.Sequence != 3 { // the initial stock and two warnings
		t.Error(p.Stock.Sequence)
	}
}

func TestEventsOfOthersAreNotFolded(t *testing.T) {
	if err := (&Product{}).Apply(&inventoryv1.LowStock{}); err == nil {
		t.Error("a product folded a LowStock")
	}
	if err := (&Stock{}).Apply(&inventoryv1.StockReserved{}); err == nil {
		t.Error("a stock folded a StockReserved")
	}
	if err := (&Reservation{}).Apply(&inventoryv1.StockAdjusted{}); err == nil {
		t.Error("a reservation folded a StockAdjusted")
	}
	lines := []inventoryv1.StockLine{{ProductID: "p9", Quantity: 1}}
	if err := (Shelf{}).Apply(&Reservation{}, &inventoryv1.StockReserved{Items: lines}); err == nil {
		t.Error("stock of a product that is not there was reserved")
	}
}
