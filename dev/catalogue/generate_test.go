package catalogue_test

import (
	"bytes"
	"strings"
	"testing"

	"orderflow.example/dev/catalogue"
)

func generated(t *testing.T, seed uint64, n int) (csv, jsonl string) {
	t.Helper()
	products, orders := catalogue.Generate(seed, n)
	var p, o bytes.Buffer
	if err := catalogue.WriteProducts(&p, products); err != nil {
		t.Fatal(err)
	}
	if err := catalogue.WriteOrders(&o, orders); err != nil {
		t.Fatal(err)
	}
	return p.String(), o.String()
}

func TestTheFilesAreWhatTheGeneratorMakes(t *testing.T) {
	csv, jsonl := generated(t, 42, 1200)
	if csv != catalogue.ProductsCSV || jsonl != catalogue.OrdersJSONL {
		t.Fatal("the files differ from what the generator makes: run `go generate ./dev/catalogue`")
	}
	if _, other := generated(t, 43, 1200); other == jsonl {
		t.Fatal("another seed makes the same orders")
	}
}

func TestTheInputHasWhatTheDemonstrationShows(t *testing.T) {
	products, orders := read(t)
	if len(products) != 60 || len(orders) != 1200 {
		t.Fatalf("%d products, %d orders", len(products), len(orders))
	}
	if p1 := products[0]; p1.ID != "p1" || p1.Stock < 50_000 {
		t.Fatalf("the first product is %+v: it must be p1, with plenty", p1)
	}
	stock := map[string]int64{}
	for _, p := range products {
		stock[p.ID] = p.Stock
	}
	lines, tokens, cancels, ordersWith := 0, map[string]int{}, map[string]int{}, map[string]int{}
	soldOut, korean, english := 0, 0, 0
	for _, o := range orders {
		tokens[o.PaymentToken]++
		cancels[o.CancelAfter]++
		if strings.ContainsFunc(o.Notes, func(r rune) bool { return r >= '가' && r <= '힣' }) {
			korean++
		} else if o.Notes != "" {
			english++
		}
		enough := true
		for _, item := range o.Items {
			if _, known := stock[item.ProductID]; !known {
				t.Fatalf("there is no product %s", item.ProductID)
			}
			lines++
			ordersWith[item.ProductID]++
			enough = enough && stock[item.ProductID] >= item.Quantity
		}
		if !enough {
			soldOut++
			continue
		}
		if strings.Contains(o.PaymentToken, "declined") || o.PaymentToken == "tok_insufficient_funds" || o.CancelAfter != "" {
			continue // gives its stock back
		}
		for _, item := range o.Items {
			stock[item.ProductID] -= item.Quantity
		}
	}
	percent := func(n int) float64 { return 100 * float64(n) / float64(len(orders)) }
	for what, c := range map[string]struct{ got, low, high float64 }{
		"declined cards":     {percent(tokens["tok_declined"] + tokens["tok_insufficient_funds"] + tokens["tok_capture_declined"]), 4.5, 5.5},
		"troubled calls":     {percent(tokens["tok_slow"] + tokens["tok_lost_answer"] + tokens["tok_500_then_ok"]), 2.5, 3.5},
		"cancelled early":    {percent(cancels[catalogue.CancelAfterPlaced]), 2, 3},
		"cancelled late":     {percent(cancels[catalogue.CancelAfterPaid]), 1, 2},
		"sold out":           {percent(soldOut), 4, 12},
		"with the favourite": {percent(ordersWith["p1"]), 30, 50},
		"with Korean notes":  {percent(korean), 15, 35},
		"with English notes": {percent(english), 8, 25},
		"lines an order":     {float64(lines) / float64(len(orders)), 1.7, 2.6},
	} {
		if c.got < c.low || c.got > c.high {
			t.Errorf("%s: %.1f, not %.1f to %.1f", what, c.got, c.low, c.high)
		}
	}
	for id, n := range ordersWith {
		if n > ordersWith["p1"] {
			t.Errorf("%s is in %d orders, more than p1 with %d", id, n, ordersWith["p1"])
		}
	}
	t.Logf("%d orders meet a sold-out product; tokens %v; cancels %v", soldOut, tokens, cancels)
}

func TestMoreOrdersKeepTheShares(t *testing.T) {
	_, orders := catalogue.Generate(7, 12_000)
	declined := 0
	for _, o := range orders {
		if o.PaymentToken == "tok_declined" {
			declined++
		}
	}
	if len(orders) != 12_000 || declined != 360 {
		t.Fatalf("%d orders, %d declined", len(orders), declined)
	}
}

func read(t *testing.T) ([]catalogue.Product, []catalogue.Order) {
	t.Helper()
	products, err := catalogue.ReadProducts(strings.NewReader(catalogue.ProductsCSV))
	if err != nil {
		t.Fatal(err)
	}
	orders, err := catalogue.ReadOrders(strings.NewReader(catalogue.OrdersJSONL))
	if err != nil {
		t.Fatal(err)
	}
	return products, orders
}
