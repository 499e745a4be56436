package app_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/kit/outbox"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	"orderflow.example/schemas"
	events "orderflow.example/schemas/inventoryv1"
)

func TestProductFromCreationToArchive(t *testing.T) {
	r := start(t)
	created := r.create("p1", 10, 3)
	if created.GetCurrency() != "KRW" || created.GetAvailable() != 10 || created.GetVersion() != 1 || created.GetLowStockThreshold() != 3 || !created.GetCreatedAt().AsTime().Equal(r.clock) {
		t.Errorf("created: %v", created)
	}
	r.clock = r.clock.Add(time.Hour)
	updated, err := r.UpdateProduct(r.as("c1", "catalogue"), &inventoryv1.UpdateProductRequest{
		Product:    &inventoryv1.Product{Id: "p1", Name: "Better", Price: 950, Description: "not in the mask", LowStockThreshold: 5},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "price", "low_stock_threshold"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if updated.GetName() != "Better" || updated.GetPrice() != 950 || updated.GetDescription() != "What it is" || updated.GetLowStockThreshold() != 5 ||
		updated.GetVersion() != 2 || !updated.GetUpdatedAt().AsTime().Equal(r.clock) || !updated.GetCreatedAt().AsTime().Equal(created.GetCreatedAt().AsTime()) {
		t.Errorf("updated: %v", updated)
	}
	adjusted, err := r.AdjustStock(r.as("s7", "staff"), &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: -6, Reason: "counted"})
	if err != nil || adjusted.GetOnHand() != 4 || adjusted.GetAvailable() != 4 || adjusted.GetVersion() != 2 {
		t.Errorf("adjusted: %v, %v", adjusted, err)
	}
	archived, err := r.UpdateProduct(r.as("c1", "catalogue"), &inventoryv1.UpdateProductRequest{
		Product: &inventoryv1.Product{Id: "p1", Archived: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"archived"}},
	})
	if err != nil || !archived.GetArchived() || archived.GetName() != "Better" {
		t.Errorf("archived: %v, %v", archived, err)
	}
	if got := r.get("p1"); got.GetVersion() != 3 || got.GetOnHand() != 4 {
		t.Errorf("read: %v", got)
	}
	if said := r.answered("p1"); said != "StockAdjusted StockAdjusted LowStock" {
		t.Error(said)
	}
	log, err := outbox.Log(t.Context(), r.DB, schemas.ProductEvents, "p1")
	if err != nil || len(log) != 3 {
		t.Fatalf("%d versions, %v", len(log), err)
	}
	data, err := r.Codec.Decode(t.Context(), schemas.ProductEvents, log[1].Payload)
	if err != nil {
		t.Fatal(err)
	}
	want := events.ProductChanged{
		ProductID: "p1", Sku: "SKU-p1", Name: "Better", Description: "What it is", Price: 950, Currency: "KRW", Version: 2, OccurredAt: r.clock,
	}
	if got := data.(*events.ProductChanged); *got != want || log[1].Sequence != 2 {
		t.Errorf("sequence %d: %+v", log[1].Sequence, *got)
	}
	r.check()
}

func TestStockAdjustedNamesWhoAndWhy(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	if _, err := r.AdjustStock(r.as("s7", "staff"), &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 5, Reason: "delivery"}); err != nil {
		t.Fatal(err)
	}
	log, err := outbox.Log(t.Context(), r.DB, schemas.InventoryEvents, "p1")
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Codec.Decode(t.Context(), schemas.InventoryEvents, log[len(log)-1].Payload)
	if err != nil {
		t.Fatal(err)
	}
	want := events.StockAdjusted{ProductID: "p1", Delta: 5, OnHand: 15, Reason: "delivery", Actor: "s7", OccurredAt: r.clock}
	if got := data.(*events.StockAdjusted); *got != want {
		t.Errorf("%+v", *got)
	}
}

// An update with If-Match changes only the version that its caller has seen.
func TestUpdateOfAVersionThatHasGone(t *testing.T) {
	r := start(t)
	r.create("p1", 1, 0)
	update := func(name, ifMatch string) (*inventoryv1.Product, string, error) {
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(r.as("c1", "catalogue"), "if-match", ifMatch)
		p, err := r.UpdateProduct(ctx, &inventoryv1.UpdateProductRequest{
			Product: &inventoryv1.Product{Id: "p1", Name: name}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
		}, grpc.Header(&header))
		etag := ""
		if len(header.Get("etag")) > 0 {
			etag = header.Get("etag")[0]
		}
		return p, etag, err
	}
	_, seen, err := update("second", `"1"`)
	if err != nil || seen != `"2"` {
		t.Fatalf("%s, %v", seen, err)
	}
	if _, _, err := update("late", `"1"`); status.Code(err) != codes.Aborted {
		t.Errorf("an old version was changed: %v", err)
	}
	if _, _, err := update("malformed", "2"); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a tag without quotes: %v", err)
	}
	for _, ifMatch := range []string{`"7", "2"`, "*"} {
		if p, _, err := update("with "+ifMatch, ifMatch); err != nil || p.GetName() != "with "+ifMatch {
			t.Errorf("%s: %v, %v", ifMatch, p, err)
		}
	}
	token := r.issuer.Token("c1", "catalogue")
	code, _, answer := r.rest("PATCH", "/v1/products/p1", token, `{"name":"over REST"}`, "If-Match", `"1"`)
	if code != http.StatusConflict {
		t.Errorf("%d %v", code, answer)
	}
	if code, _, answer = r.rest("POST", "/v1/products/p1:adjustStock", token, `{"delta":"1","reason":"found"}`, "If-Match", `"1"`); code != 409 {
		t.Errorf("stock of a version that is gone: %d %v", code, answer)
	}
	code, etag, answer := r.rest("PATCH", "/v1/products/p1", token, `{"name":"over REST"}`, "If-Match", `"4"`)
	if code != http.StatusOK || answer["name"] != "over REST" || etag != `"5"` {
		t.Errorf("%d %v %s", code, answer, etag)
	}
}

func TestProductsOverREST(t *testing.T) {
	r := start(t)
	catalogue, customer := r.issuer.Token("c1", "catalogue"), r.issuer.Token("u1")
	body := `{"productId":"p1","sku":"S1","name":"Tea","price":"900","initialStock":"10","lowStockThreshold":3}`
	code, etag, answer := r.rest("POST", "/v1/products", catalogue, body)
	if code != http.StatusCreated || answer["id"] != "p1" || answer["available"] != "10" || etag != `"1"` {
		t.Fatalf("%d %v", code, answer)
	}
	code, _, answer = r.rest("PATCH", "/v1/products/p1", catalogue, `{"price":"950","archived":true}`)
	if code != http.StatusOK || answer["price"] != "950" || answer["archived"] != true || answer["name"] != "Tea" {
		t.Errorf("%d %v", code, answer)
	}
	code, _, answer = r.rest("POST", "/v1/products/p1:adjustStock", catalogue, `{"delta":"-3","reason":"broken"}`)
	if code != http.StatusOK || answer["onHand"] != "7" {
		t.Errorf("%d %v", code, answer)
	}
	code, _, answer = r.rest("GET", "/v1/products/p1", customer, "")
	if code != http.StatusOK || answer["onHand"] != "7" {
		t.Errorf("%d %v", code, answer)
	}
	code, _, answer = r.rest("GET", "/v1/products?showArchived=true", customer, "")
	if code != http.StatusOK || len(answer["products"].([]any)) != 1 {
		t.Errorf("%d %v", code, answer)
	}
	r.check()
}

func TestListProductsPages(t *testing.T) {
	r := start(t)
	for i := range 12 {
		r.create("p"+strconv.Itoa(10+i), 1, 0)
	}
	customer := r.as("u1")
	first, err := r.ListProducts(customer, &inventoryv1.ListProductsRequest{})
	if err != nil || len(first.GetProducts()) != 10 || first.GetTotalSize() != 12 || first.GetNextPageToken() == "" {
		t.Fatalf("%v, %v", first, err)
	}
	last, err := r.ListProducts(customer, &inventoryv1.ListProductsRequest{PageToken: first.GetNextPageToken()})
	if err != nil || len(last.GetProducts()) != 2 || last.GetNextPageToken() != "" || last.GetProducts()[0].GetId() != "p20" {
		t.Errorf("%v, %v", last, err)
	}
	_, err = r.ListProducts(customer, &inventoryv1.ListProductsRequest{PageToken: first.GetNextPageToken(), ShowArchived: true})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a token of other filters: %v", err)
	}
}

// A repeated call with a key has one effect, and its answer carries the entity tag again.
func TestStockIsAdjustedOnceAKey(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	token := r.issuer.Token("s1", "staff")
	var tags []string
	for range 2 {
		code, etag, answer := r.rest("POST", "/v1/products/p1:adjustStock", token, `{"delta":5,"reason":"found"}`, "Idempotency-Key", "k")
		if code != http.StatusOK || answer["onHand"] != "15" && answer["onHand"] != float64(15) {
			t.Errorf("%d %v", code, answer)
		}
		tags = append(tags, etag)
	}
	if tags[0] == "" || tags[0] != tags[1] {
		t.Errorf("tags %q", tags)
	}
	if got := r.get("p1"); got.GetOnHand() != 15 {
		t.Errorf("on hand %d", got.GetOnHand())
	}
	for range 2 {
		code, _, answer := r.rest("POST", "/v1/products", r.issuer.Token("c1", "catalogue"),
			`{"productId":"p2","sku":"S2","name":"Two","price":100,"initialStock":1}`, "Idempotency-Key", "k")
		if code != http.StatusCreated || answer["id"] != "p2" {
			t.Errorf("%d %v", code, answer)
		}
	}
}
