package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/inventory/app"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb/sqldbtest"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	"orderflow.example/schemas"
)

// onEach runs a test with the service on each database.
func onEach(t *testing.T, test func(r *rig)) {
	t.Run("sqlite", func(t *testing.T) { test(start(t)) })
	t.Run("postgres", func(t *testing.T) {
		url := sqldbtest.PostgresURL(t)
		test(start(t, func(cfg *app.Config) { cfg.DatabaseURL = url }))
	})
}

type importClient = inventoryv1.InventoryService_ImportProductsClient

// imported is a row of an import that passes every rule.
func imported(id string, change ...func(*inventoryv1.CreateProductRequest)) *inventoryv1.CreateProductRequest {
	p := &inventoryv1.CreateProductRequest{ProductId: id, Sku: "SKU-" + id, Name: "Product " + id, Description: "What it is", Price: 900, InitialStock: 10, LowStockThreshold: 3}
	for _, c := range change {
		c(p)
	}
	return p
}

func sendOptions(stream importClient, options *inventoryv1.ImportOptions) error {
	return stream.Send(&inventoryv1.ImportProductsRequest{Message: &inventoryv1.ImportProductsRequest_Options{Options: options}})
}

func sendRow(stream importClient, number int, product *inventoryv1.CreateProductRequest) error {
	row := &inventoryv1.ImportRow{Number: int32(number), Product: product}
	return stream.Send(&inventoryv1.ImportProductsRequest{Message: &inventoryv1.ImportProductsRequest_Row{Row: row}})
}

// importAll imports the products, in rows from 1, and returns what became of each: "1 p1 CREATED", "2 p2 FAILED SKU_EXISTS sku".
func (r *rig) importAll(options *inventoryv1.ImportOptions, products ...*inventoryv1.CreateProductRequest) []string {
	r.Helper()
	stream, err := r.ImportProducts(r.as("c1", "catalogue"))
	if err != nil {
		r.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		if options != nil {
			err = sendOptions(stream, options)
		}
		for i, p := range products {
			if err == nil {
				err = sendRow(stream, i+1, p)
			}
		}
		sent <- errors.Join(err, stream.CloseSend())
	}()
	var results []string
	for {
		result, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.Fatal(err)
		}
		text := fmt.Sprintf("%d %s %s", result.GetNumber(), result.GetProductId(), result.GetOutcome())
		if e := result.GetError(); e != nil {
			text += " " + e.GetReason()
			for _, f := range e.GetFieldViolations() {
				text += " " + f.GetField()
			}
		}
		results = append(results, text)
	}
	if err := <-sent; err != nil {
		r.Fatal(err)
	}
	return results
}

func (r *rig) expect(got []string, want ...string) {
	r.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (r *rig) productEvents(id string) int {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.DB, schemas.ProductEvents, id)
	if err != nil {
		r.Fatal(err)
	}
	return len(log)
}

func TestImportCreatesUpdatesAndLeavesAlone(t *testing.T) {
	onEach(t, func(r *rig) {
		rows := []*inventoryv1.CreateProductRequest{imported("p1"), imported("p2"), imported("p3")}
		r.expect(r.importAll(nil, rows...), "1 p1 CREATED", "2 p2 CREATED", "3 p3 CREATED")
		r.expect(r.importAll(nil, rows...), "1 p1 UNCHANGED", "2 p2 UNCHANGED", "3 p3 UNCHANGED")

		r.say("o1", r.placed("o1", "p1", 4))
		rows[0].Price, rows[0].InitialStock = 950, 7777
		rows[1].LowStockThreshold = 5
		r.expect(r.importAll(nil, rows...), "1 p1 UPDATED", "2 p2 UPDATED", "3 p3 UNCHANGED")
		if p := r.get("p1"); p.GetPrice() != 950 || p.GetOnHand() != 10 || p.GetReserved() != 4 || p.GetVersion() != 2 {
			r.Errorf("the stock of a product that is there was touched: %v", p)
		}
		for id, want := range map[string]int{"p1": 2, "p2": 2, "p3": 1} {
			if got := r.productEvents(id); got != want {
				r.Errorf("%d events of %s", got, id)
			}
		}
		trail, err := r.ListStockAdjustments(r.as("a1", "auditor"), &inventoryv1.ListStockAdjustmentsRequest{ProductId: "p1"})
		if err != nil || len(trail.GetStockAdjustments()) != 1 || trail.GetStockAdjustments()[0].GetSource() != inventoryv1.StockAdjustmentSource_IMPORT ||
			trail.GetStockAdjustments()[0].GetActor() != "c1" {
			r.Errorf("%v, %v", trail, err)
		}
		r.check()
	})
}

func TestABadRowFailsAlone(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("there", 5, 0)
		r.create("dollars", 5, 0)
		r.expect(r.importAll(nil,
			imported("p1"),
			imported("p2", func(p *inventoryv1.CreateProductRequest) { p.Price, p.Name = 0, "" }),
			imported("p 3"),
			nil,
			imported("p4", func(p *inventoryv1.CreateProductRequest) { p.Sku = "SKU-there" }),
			imported("p5", func(p *inventoryv1.CreateProductRequest) { p.Sku = "SKU-p1" }),
			imported("p1", func(p *inventoryv1.CreateProductRequest) { p.Name = "again" }),
			imported("p2"),
			imported("there", func(p *inventoryv1.CreateProductRequest) { p.Sku = "another" }),
			imported("dollars", func(p *inventoryv1.CreateProductRequest) { p.Currency = "USD" }),
			imported("p6", func(p *inventoryv1.CreateProductRequest) { p.Description = strings.Repeat("x", 17<<10) }),
			imported("p7"),
		),
			"1 p1 CREATED",
			"2 p2 FAILED INVALID_ARGUMENT name price",
			"3 p 3 FAILED INVALID_ARGUMENT productId sku",
			"4  FAILED INVALID_ARGUMENT product",
			"5 p4 FAILED SKU_EXISTS sku",
			"6 p5 FAILED SKU_EXISTS sku",
			"7 p1 FAILED DUPLICATE_ROW",
			"8 p2 CREATED",
			"9 there FAILED INVALID_ARGUMENT sku",
			"10 dollars FAILED INVALID_ARGUMENT currency",
			"11 p6 FAILED ROW_TOO_LONG",
			"12 p7 CREATED",
		)
		if p := r.get("there"); p.GetVersion() != 1 || r.get("p1").GetName() != "Product p1" {
			r.Errorf("%v", p)
		}
		r.check()
	})
}

func TestImportThatOnlyValidates(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("there", 5, 0)
		r.expect(r.importAll(&inventoryv1.ImportOptions{ValidateOnly: true},
			imported("p1"),
			imported("there", func(p *inventoryv1.CreateProductRequest) { p.Price = 1 }),
			imported("p2", func(p *inventoryv1.CreateProductRequest) { p.Sku = "SKU-p1" }),
		), "1 p1 CREATED", "2 there UPDATED", "3 p2 FAILED SKU_EXISTS sku")
		list, err := r.ListProducts(r.as("u1"), &inventoryv1.ListProductsRequest{})
		if err != nil || list.GetTotalSize() != 1 || list.GetProducts()[0].GetPrice() != 900 {
			r.Errorf("%v, %v", list, err)
		}
		r.check()
	})
}

// A SKU that an earlier row would have taken is taken for the rows behind it, though nothing was written.
func TestValidationRemembersEarlierRows(t *testing.T) {
	r := start(t)
	stream, err := r.ImportProducts(r.as("c1", "catalogue"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sendOptions(stream, &inventoryv1.ImportOptions{ValidateOnly: true}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []inventoryv1.ImportOutcome_Value{inventoryv1.ImportOutcome_CREATED, inventoryv1.ImportOutcome_FAILED} {
		row := imported("p"+strconv.Itoa(i), func(p *inventoryv1.CreateProductRequest) { p.Sku = "same" })
		if err := sendRow(stream, i, row); err != nil {
			t.Fatal(err)
		}
		if result, err := stream.Recv(); err != nil || result.GetOutcome() != want { // a transaction of its own each
			t.Fatalf("%v, %v", result, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
}

// With a mask, what it does not name stays; an archived product stays archived.
func TestImportOfSomeFields(t *testing.T) {
	onEach(t, func(r *rig) {
		r.importAll(nil, imported("p1"))
		archive := &inventoryv1.UpdateProductRequest{Product: &inventoryv1.Product{Id: "p1", Archived: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"archived"}}}
		if _, err := r.UpdateProduct(r.as("c1", "catalogue"), archive); err != nil {
			r.Fatal(err)
		}
		row := imported("p1", func(p *inventoryv1.CreateProductRequest) { p.Name, p.Description, p.Price = "Better", "", 5 })
		r.expect(r.importAll(&inventoryv1.ImportOptions{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}}, row), "1 p1 UPDATED")
		if p := r.get("p1"); p.GetName() != "Better" || p.GetDescription() != "What it is" || p.GetPrice() != 900 || !p.GetArchived() {
			r.Errorf("%v", p)
		}
	})
}

// A client that waits for each answer gets it, though the group could grow.
func TestImportAnswersARowAtATime(t *testing.T) {
	r := start(t)
	stream, err := r.ImportProducts(r.as("c1", "catalogue"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := sendRow(stream, i, imported("p"+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		if result, err := stream.Recv(); err != nil || int(result.GetNumber()) != i || result.GetOutcome() != inventoryv1.ImportOutcome_CREATED {
			t.Fatalf("%v, %v", result, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestImportsThatEndAtOnce(t *testing.T) {
	r := start(t)
	options := &inventoryv1.ImportOptions{}
	for name, c := range map[string]struct {
		role string
		send func(importClient) error
		code codes.Code
		says string
	}{
		"a customer":    {"customer", func(s importClient) error { return sendRow(s, 1, imported("p1")) }, codes.PermissionDenied, "catalogue"},
		"staff":         {"staff", func(importClient) error { return nil }, codes.PermissionDenied, "catalogue"},
		"nothing":       {"catalogue", func(importClient) error { return nil }, codes.OK, ""},
		"options alone": {"catalogue", func(s importClient) error { return sendOptions(s, options) }, codes.OK, ""},
		"late options":  {"catalogue", func(s importClient) error { return errors.Join(sendOptions(s, options), sendOptions(s, options)) }, codes.InvalidArgument, "options"},
		"empty message": {"catalogue", func(s importClient) error { return s.Send(&inventoryv1.ImportProductsRequest{}) }, codes.InvalidArgument, "message"},
		"mask of a SKU": {"catalogue", func(s importClient) error {
			return sendOptions(s, &inventoryv1.ImportOptions{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"sku"}}})
		}, codes.InvalidArgument, "updateMask"},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := r.ImportProducts(r.as("c1", c.role))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.send(stream), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			for err == nil {
				_, err = stream.Recv()
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if status.Code(err) != c.code || !strings.Contains(status.Convert(err).Message(), c.says) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
	if list, err := r.ListProducts(r.as("u1"), &inventoryv1.ListProductsRequest{}); err != nil || list.GetTotalSize() != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// What was answered before the client went is there, whole; the rest is there whole or not at all; the same rows again
// fill it up.
func TestImportThatIsCutOff(t *testing.T) {
	onEach(t, func(r *rig) {
		const all, seen = 1000, 250
		var rows []*inventoryv1.CreateProductRequest
		for i := range all {
			rows = append(rows, imported(fmt.Sprintf("p%04d", i)))
		}
		ctx, cut := context.WithCancel(r.as("c1", "catalogue"))
		stream, err := r.ImportProducts(ctx)
		if err != nil {
			r.Fatal(err)
		}
		go func() {
			for i, p := range rows {
				if sendRow(stream, i+1, p) != nil {
					return
				}
			}
		}()
		for i := range seen {
			if result, err := stream.Recv(); err != nil || result.GetOutcome() != inventoryv1.ImportOutcome_CREATED || int(result.GetNumber()) != i+1 {
				r.Fatalf("%v, %v", result, err)
			}
		}
		cut()
		for _, row := range rows[:seen] {
			if r.get(row.GetProductId()).GetOnHand() != 10 || r.productEvents(row.GetProductId()) != 1 {
				r.Errorf("%s is not whole", row.GetProductId())
			}
		}
		created := 0
		for _, result := range r.importAll(nil, rows...) {
			switch {
			case strings.HasSuffix(result, "CREATED"):
				created++
			case !strings.HasSuffix(result, "UNCHANGED"):
				r.Error(result)
			}
		}
		if created > all-seen {
			r.Errorf("%d rows were created again", created)
		}
		r.check()
	})
}

// Two imports of the same rows at once make each product once.
func TestImportsSideBySide(t *testing.T) {
	onEach(t, func(r *rig) {
		const all = 300
		var rows, backwards []*inventoryv1.CreateProductRequest
		for i := range all {
			rows = append(rows, imported(fmt.Sprintf("p%03d", i)))
			backwards = append(backwards, imported(fmt.Sprintf("p%03d", all-1-i)))
		}
		results := make([][]string, 2)
		var both sync.WaitGroup
		for i, part := range [][]*inventoryv1.CreateProductRequest{rows, backwards} {
			both.Go(func() { results[i] = r.importAll(nil, part...) })
		}
		both.Wait()
		outcomes := map[string]int{}
		for _, result := range append(results[0], results[1]...) {
			outcomes[strings.Fields(result)[2]]++
		}
		if outcomes["CREATED"] != all || outcomes["UNCHANGED"] != all {
			r.Errorf("%v", outcomes)
		}
		r.check()
	})
}
