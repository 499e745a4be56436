package order

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

func TestPlaceTakesPricesFromTheCatalogue(t *testing.T) {
	h := placed(t)
	want := &Order{
		ID: "o1", Version: 1, Number: "ORD202611021200000000BEEF", UserID: "u1", CustomerName: "Kim", CustomerEmail: "kim@example.com",
		Status: Pending, PaymentStatus: PaymentPending, Total: 2250, Currency: "KRW", PaymentToken: "tok_ok", Notes: "ring twice",
		Items: []Item{
			{ProductID: "p1", SKU: "S1", Name: "Tea", UnitPrice: 1000, Quantity: 2},
			{ProductID: "p2", SKU: "S2", Name: "Cup", UnitPrice: 250, Quantity: 1},
		},
		Step: ReserveStock, StepSince: noon, CreatedAt: noon, UpdatedAt: noon,
	}
	if !reflect.DeepEqual(h.Order, want) {
		t.Errorf("got  %+v\nwant %+v", h.Order, want)
	}
}

func TestPlaceRefuses(t *testing.T) {
	line := func(product string, quantity int32) Line { return Line{ProductID: product, Quantity: quantity} }
	many := make([]Line, 51)
	for i := range many {
		many[i] = line("p1", 1)
	}
	cases := map[string]struct {
		change func(*Placement)
		code   errs.Code
		field  string
		rule   string
	}{
		"no items":          {func(p *Placement) { p.Items = nil }, errs.InvalidArgument, "items", "items.count"},
		"51 items":          {func(p *Placement) { p.Items = many }, errs.InvalidArgument, "items", "items.count"},
		"quantity 0":        {func(p *Placement) { p.Items[1].Quantity = 0 }, errs.InvalidArgument, "items[1].quantity", "quantity.range"},
		"quantity 1001":     {func(p *Placement) { p.Items[0].Quantity = 1001 }, errs.InvalidArgument, "items[0].quantity", "quantity.range"},
		"negative quantity": {func(p *Placement) { p.Items[0].Quantity = -1 }, errs.InvalidArgument, "items[0].quantity", "quantity.range"},
		"unknown product":   {func(p *Placement) { p.Items[1].ProductID = "p9" }, errs.InvalidArgument, "items[1].productId", "product.exists"},
		"archived product":  {func(p *Placement) { p.Items[1].ProductID = "p3" }, errs.InvalidArgument, "items[1].productId", "product.sold"},
		"other currency":    {func(p *Placement) { p.Items[1].ProductID = "p4" }, errs.InvalidArgument, "items[1].productId", "product.currency"},
		"order in dollars":  {func(p *Placement) { p.Currency = "USD" }, errs.InvalidArgument, "items[0].productId", "product.currency"},
		"product twice":     {func(p *Placement) { p.Items[1].ProductID = "p1" }, errs.InvalidArgument, "items[1].productId", "product.unique"},
		"line too large":    {func(p *Placement) { p.Items = []Line{line("p5", 8)} }, errs.InvalidArgument, "items[0].quantity", "total.range"},
		"sum too large": {
			func(p *Placement) { p.Items = []Line{line("p1", 1000), line("p5", 7), line("p2", 1)} }, 0, "", "",
		},
		"sum over the edge": {
			func(p *Placement) {
				p.Items = []Line{line("p5", 4), line("p1", 1000), line("p2", 1000), line("p5b", 4)}
			},
			errs.InvalidArgument, "items[3].quantity", "total.range",
		},
		"another total expected": {
			func(p *Placement) { p.ExpectedTotal = new(int64); *p.ExpectedTotal = 2251 }, errs.FailedPrecondition, "", "",
		},
	}
	products := map[string]Product{"p5b": {ID: "p5b", Price: 1 << 60, Currency: "KRW"}}
	for id, p := range catalogue {
		products[id] = p
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := placement()
			c.change(&p)
			_, err := Place(p, products, noon)
			if c.code == 0 {
				if err != nil {
					t.Fatalf("refused although it fits: %v", err)
				}
				return
			}
			var e *errs.Error
			if !errors.As(err, &e) || e.Code != c.code {
				t.Fatalf("got %v, want code %v", err, c.code)
			}
			if c.field != "" && (len(e.Fields) == 0 || e.Fields[0].Name != c.field || e.Fields[0].Rule != c.rule) {
				t.Errorf("fields %+v, want %s by %s", e.Fields, c.field, c.rule)
			}
		})
	}
}

func TestPlaceNamesEveryFault(t *testing.T) {
	p := placement()
	p.Items = []Line{{ProductID: "p9", Quantity: 0}, {ProductID: "p3", Quantity: 1}}
	_, err := Place(p, catalogue, noon)
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Fields) != 3 {
		t.Fatalf("got %v", err)
	}
}

func TestExpectedTotal(t *testing.T) {
	p := placement()
	right := int64(2250)
	p.ExpectedTotal = &right
	if _, err := Place(p, catalogue, noon); err != nil {
		t.Fatal(err)
	}
	wrong := int64(1)
	p.ExpectedTotal = &wrong
	_, err := Place(p, catalogue, noon)
	var e *errs.Error
	if !errors.As(err, &e) || e.Metadata["current_total"] != "2250" || e.Metadata["currency"] != "KRW" {
		t.Fatalf("the refusal must name the current total: %v", err)
	}
}

func TestOrderNumber(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("KST", 9*3600))
	if got := Number(at, 0xFFFFFFFF); got != "ORD20260101180405FFFFFFFF" {
		t.Error(got)
	}
}

func TestReasonsJoinTheNotes(t *testing.T) {
	h := paid(t)
	h.must(t)(UpdateStatus(h.Order, Processing, Shipment{}, "packing", noon))
	h.must(t)(UpdateStatus(h.Order, Shipped, Shipment{"Post", "T1"}, "", noon))
	h.must(t)(UpdateStatus(h.Order, Delivered, Shipment{}, "at the door", noon.Add(time.Hour)))
	want := "ring twice\n2026-11-02T12:00:00Z PROCESSING: packing\n2026-11-02T13:00:00Z DELIVERED: at the door"
	if got := h.AllNotes(); got != want {
		t.Errorf("got %q", got)
	}
	if h.Carrier != "Post" || h.TrackingNumber != "T1" {
		t.Errorf("shipment %s %s", h.Carrier, h.TrackingNumber)
	}
}

func TestUpdatedFieldsFold(t *testing.T) {
	h := placed(t)
	address := "1 Main Street"
	h.record(t, &orderv1.OrderUpdated{OrderID: "o1", ShippingAddress: &address, OccurredAt: noon})
	if h.ShippingAddress != address || h.Notes != "" {
		t.Errorf("address %q, notes %q", h.ShippingAddress, h.Notes)
	}
}

func TestLongForeignReasonsAreCut(t *testing.T) {
	h := placed(t)
	long := stockRejected()
	React(h.Order, long, noon)
	out := cancelled(h.Order, orderv1.CancellationCauseStockRejected, strings.Repeat("ä", 501), noon)
	if got := len([]rune(out[0].(*orderv1.OrderCancelled).Reason)); got != 500 {
		t.Errorf("%d characters", got)
	}
}

type unknownEvent struct{}

func (unknownEvent) RecordName() string { return "orderflow.order.v1.OrderTeleported" }

func TestApplyRefusesUnknownEvents(t *testing.T) {
	h := placed(t)
	if err := h.Apply(unknownEvent{}); err == nil || !strings.Contains(err.Error(), "OrderTeleported") {
		t.Errorf("got %v", err)
	}
	if h.Version != 1 {
		t.Error("the refused event changed the order")
	}
}

// The token stays with the order until it is passed on, or until nobody will ask for it any more.
func TestPaymentTokenIsKeptUntilItIsPassedOn(t *testing.T) {
	h := placed(t)
	h.record(t, &orderv1.OrderUpdated{OrderID: "o1", OccurredAt: noon})
	if h.PaymentToken != "tok_ok" {
		t.Errorf("before its use the token is %q", h.PaymentToken)
	}
	out := h.react(t, stockReserved(), noon)
	if len(out) != 1 || text(out[0].(*orderv1.PaymentRequested).PaymentToken) != "tok_ok" {
		t.Errorf("it is not passed on: %+v", out)
	}
	if h.PaymentToken != "" {
		t.Errorf("after that the order still has %q", h.PaymentToken)
	}

	h = placed(t)
	h.react(t, stockRejected(), noon)
	if h.Status != Cancelled || h.PaymentToken != "" {
		t.Errorf("an order that is %s has the token %q", h.Status, h.PaymentToken)
	}
}
