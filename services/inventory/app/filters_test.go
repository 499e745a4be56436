package app_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

func (r *rig) archive(id string, archived bool) {
	r.Helper()
	_, err := r.UpdateProduct(r.as("c1", "catalogue"), &inventoryv1.UpdateProductRequest{
		Product: &inventoryv1.Product{Id: id, Archived: archived}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"archived"}},
	})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) products(req *inventoryv1.ListProductsRequest) string {
	r.Helper()
	list, err := r.ListProducts(r.as("u1"), req)
	if err != nil {
		r.Fatal(err)
	}
	var ids []string
	for _, p := range list.GetProducts() {
		ids = append(ids, p.GetId())
	}
	if int(list.GetTotalSize()) != len(ids) && list.GetNextPageToken() == "" && req.GetPageToken() == "" {
		r.Errorf("total %d of %v", list.GetTotalSize(), ids)
	}
	return strings.Join(ids, " ")
}

func TestProductFilters(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 10, 3)
		r.create("p2", 3, 3)
		r.create("p3", 2, 3)
		r.create("p4", 10, 3)
		r.archive("p3", true)
		r.say("o1", r.placed("o1", "p4", 7)) // 3 of p4 are left
		for want, req := range map[string]*inventoryv1.ListProductsRequest{
			"p1 p2 p4":    {},
			"p1 p2 p3 p4": {ShowArchived: true},
			"p2":          {Sku: "SKU-p2"},
			"":            {Sku: "SKU-p3"},
			"p3":          {Sku: "SKU-p3", ShowArchived: true},
			"p2 p4":       {LowStockOnly: true},
			"p2 p3 p4":    {LowStockOnly: true, ShowArchived: true},
		} {
			if got := r.products(req); got != want {
				r.Errorf("%v: %q, want %q", req, got, want)
			}
		}
		low := &inventoryv1.ListProductsRequest{LowStockOnly: true, PageSize: 1}
		first, err := r.ListProducts(r.as("u1"), low)
		if err != nil || first.GetTotalSize() != 2 {
			r.Fatalf("%v, %v", first, err)
		}
		low.PageToken = first.GetNextPageToken()
		if got := r.products(low); got != "p4" {
			r.Error(got)
		}
		code, _, answer := r.rest("GET", "/v1/products?sku=SKU-p2&lowStockOnly=true", r.issuer.Token("u1"), "")
		if all, _ := answer["products"].([]any); code != http.StatusOK || len(all) != 1 {
			r.Errorf("%d %v", code, answer)
		}
	})
}

func TestReservationFiltersAndPages(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 100, 0)
		r.create("p2", 100, 0)
		for _, id := range []string{"o1", "o2", "o3", "o4", "o5"} {
			r.say(id, r.placed(id, map[bool]string{true: "p1", false: "p2"}[id != "o3"], 1))
		}
		r.say("o4", r.cancelled("o4"))
		list := func(req *inventoryv1.ListReservationsRequest) (ids, next string) {
			list, err := r.ListReservations(r.as("s1", "staff"), req)
			if err != nil {
				r.Fatal(err)
			}
			for _, each := range list.GetReservations() {
				ids += each.GetOrderId() + " "
			}
			return strings.TrimSpace(ids), list.GetNextPageToken()
		}
		for want, req := range map[string]*inventoryv1.ListReservationsRequest{
			"o5 o4 o2 o1": {ProductId: "p1"},
			"o3":          {ProductId: "p2"},
			"":            {ProductId: "none"},
			"o5 o2 o1":    {ProductId: "p1", Status: inventoryv1.ReservationStatus_HELD},
			"o2":          {ProductId: "p1", OrderId: "o2"},
			"o4":          {Status: inventoryv1.ReservationStatus_RELEASED},
		} {
			if got, _ := list(req); got != want {
				r.Errorf("%v: %q, want %q", req, got, want)
			}
		}
		req := &inventoryv1.ListReservationsRequest{ProductId: "p1", PageSize: 2}
		first, token := list(req)
		r.say("o6", r.placed("o6", "p1", 1))
		req.PageToken = token
		second, last := list(req)
		if first != "o5 o4" || second != "o2 o1" || last != "" {
			r.Errorf("%q, %q, then %q", first, second, last)
		}
		code, _, answer := r.rest("GET", "/v1/reservations?productId=p2", r.issuer.Token("s1", "staff"), "")
		if all, _ := answer["reservations"].([]any); code != http.StatusOK || len(all) != 1 {
			r.Errorf("%d %v", code, answer)
		}
	})
}

// An archived product is refused in orders until it is brought back; what was held of it stays held.
func TestArchivedProductIsNotSold(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 10, 0)
		r.say("before", r.placed("before", "p1", 1))
		r.archive("p1", true)
		r.say("refused", r.placed("refused", "p1", 1))
		r.say("before", r.confirmed("before", "p1", 1))
		r.archive("p1", false)
		r.say("after", r.placed("after", "p1", 1))
		for id, want := range map[string]string{"before": "StockReserved StockCommitted", "refused": "StockRejected", "after": "StockReserved"} {
			if got := r.answered(id); got != want {
				r.Errorf("%s: %s, want %s", id, got, want)
			}
		}
		if p := r.get("p1"); p.GetArchived() || p.GetOnHand() != 9 || p.GetReserved() != 1 || p.GetVersion() != 3 {
			r.Errorf("%v", p)
		}
		r.check()
	})
}

// Each answer that is one product carries its entity tag.
func TestEntityTags(t *testing.T) {
	r := start(t)
	token := r.issuer.Token("c1", "catalogue")
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/v1/products", `{"productId":"p1","sku":"S1","name":"Tea","price":"900","initialStock":"10"}`, `"1"`},
		{"GET", "/v1/products/p1", "", `"1"`},
		{"PATCH", "/v1/products/p1", `{"price":"950"}`, `"2"`},
		{"POST", "/v1/products/p1:adjustStock", `{"delta":1,"reason":"found"}`, `"2"`},
		{"GET", "/v1/products/p1", "", `"2"`},
	} {
		if code, etag, answer := r.rest(c.method, c.path, token, c.body); code >= 300 || etag != c.want {
			t.Errorf("%s %s: %d %s %v", c.method, c.path, code, etag, answer)
		}
	}
}
