package catalogue_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"orderflow.example/dev/catalogue"
)

const header = "id,sku,name,price,currency,stock,low_stock_threshold\n"

func TestReadingGivesBackWhatWasWritten(t *testing.T) {
	products, orders := read(t)
	wantProducts, wantOrders := catalogue.Generate(42, 1200)
	if !reflect.DeepEqual(products, wantProducts) || !reflect.DeepEqual(orders, wantOrders) {
		t.Fatal("reading the files does not give what was written")
	}
}

func TestReadProductsTakesWhatSpreadsheetsWrite(t *testing.T) {
	got, err := catalogue.ReadProducts(strings.NewReader("\ufeffname,id,sku,currency,price,low_stock_threshold,stock\r\n\"잔, \"\"작은\"\"\",p1,S-1,KRW,900,1,2\r\n"))
	want := []catalogue.Product{{ID: "p1", SKU: "S-1", Name: `잔, "작은"`, Price: 900, Currency: "KRW", Stock: 2, LowStockThreshold: 1}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestProductErrorsNameLineAndField(t *testing.T) {
	const good = "p1,S-1,Cup,900,KRW,2,1\n"
	for text, want := range map[string]string{
		"":                                         "line 1: the header is missing",
		header:                                     "line 2: there is no product",
		"id,sku,name,price,currency,stock\n":       `line 1: the column "low_stock_threshold" is missing`,
		"id,colour\n":                              `line 1: unknown column "colour"`,
		"id,id\n":                                  `line 1: the column "id" is there twice`,
		header + good + "p2,S-2,Cup,900,KRW\n":     "line 3: wrong number of fields",
		header + "p 1,S-1,Cup,900,KRW,2,1\n":       `line 2: id: "p 1"`,
		header + "p1,,Cup,900,KRW,2,1\n":           `line 2: sku: ""`,
		header + "p1,S-1,,900,KRW,2,1\n":           `line 2: name: ""`,
		header + "p1,S-1,\xff,900,KRW,2,1\n":       `line 2: name: "\xff"`,
		header + good + "p2,S-2,Cup,0,KRW,2,1\n":   `line 3: price: "0"`,
		header + "p1,S-1,Cup,9.50,KRW,2,1\n":       `line 2: price: "9.50"`,
		header + "p1,S-1,Cup,900,won,2,1\n":        `line 2: currency: "won"`,
		header + "p1,S-1,Cup,900,KRW,-1,1\n":       `line 2: stock: "-1"`,
		header + "p1,S-1,Cup,900,KRW,2,\n":         `line 2: low_stock_threshold: ""`,
		header + good + "p1,S-2,Cup,900,KRW,2,1\n": `line 3: id: "p1" is on line 2 already`,
		header + good + "p2,S-1,Cup,900,KRW,2,1\n": `line 3: sku: "S-1" is on line 2 already`,
		header + "p1,S-1,\"a\nb\",900,KRW,2,1\n" + "p2,S-2,Cup,x,KRW,2,1\n": `line 4: price: "x"`,
		header + `p1,S-1,"Cup,900`: "line 2",
	} {
		t.Run(want, func(t *testing.T) {
			_, err := catalogue.ReadProducts(strings.NewReader(text))
			expectError(t, err, "products: ", want)
		})
	}
}

func TestOrderErrorsNameLineAndField(t *testing.T) {
	const good = `{"userId":"u1","items":[{"productId":"p1","quantity":1}]}` + "\n"
	withItem := func(item string) string { return good + "\n" + `{"userId":"u1","items":[` + item + `]}` }
	for text, want := range map[string]string{
		"\n\n":                         "line 1: there is no order",
		good + "{":                     "line 2: unexpected EOF",
		good + `[]`:                    "line 2: ",
		strings.TrimSpace(good) + good: "line 1: there is something after",
		`{"userId":"u1","total":5}`:    `line 1: unknown field "total"`,
		`{"userId":7}`:                 "line 1: userId: it can't be a number",
		`{"items":[]}`:                 "line 1: userId: it has 0 characters",
		`{"userId":"u1"}`:              "line 1: items: there are 0",
		"{\"userId\":\"\xff\"}":        "line 1: not UTF-8",
		withItem(`{"quantity":1}`):     `line 3: items[0].productId: ""`,
		withItem(`{"productId":"p1"}`): "line 3: items[0].quantity: 0",
		withItem(`{"productId":"p1","quantity":1},{"productId":"p2","quantity":1001}`): "line 3: items[1].quantity: 1001",
		withItem(`{"productId":"p1","quantity":1.5}`):                                  "line 3: items.quantity: it can't be a number 1.5",
		withItem(strings.Repeat(`{"productId":"p1","quantity":1},`, 50) + `{}`):        "line 3: items: there are 51",
		good + `{"userId":"u1","notes":"` + strings.Repeat("가", 1001) + `"}`:           "line 2: notes: it has 1001 characters",
		good[:len(good)-2] + `,"cancelAfter":"shipped"}`:                               `line 1: cancelAfter: "shipped"`,
	} {
		t.Run(want, func(t *testing.T) {
			_, err := catalogue.ReadOrders(strings.NewReader(text))
			expectError(t, err, "orders: ", want)
		})
	}
}

func TestReadErrorsArePassedOn(t *testing.T) {
	broken := errors.New("the disk is broken")
	reader := func(text string) io.Reader { return io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)) }
	if _, err := catalogue.ReadProducts(reader(header)); !errors.Is(err, broken) {
		t.Errorf("products: %v", err)
	}
	if _, err := catalogue.ReadOrders(reader(`{"userId":"u1"`)); !errors.Is(err, broken) {
		t.Errorf("orders: %v", err)
	}
}

func expectError(t *testing.T, err error, start, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), start) || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %q", err, want)
	}
}
