package app_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

func (r *rig) adjust(subject, id string, delta int64, reason string) {
	r.Helper()
	if _, err := r.AdjustStock(r.as(subject, "staff"), &inventoryv1.AdjustStockRequest{ProductId: id, Delta: delta, Reason: reason}); err != nil {
		r.Fatal(err)
	}
}

func TestTrailSaysWhoWhenWhyAndFromWhere(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 10, 0)
		r.create("p2", 0, 0)
		r.clock = r.clock.Add(time.Hour)
		r.adjust("s7", "p1", 5, "delivery")
		r.say("o1", r.placed("o1", "p1", 4), r.confirmed("o1", "p1", 4))
		r.clock = r.clock.Add(time.Hour)
		r.adjust("s8", "p1", -2, "broken")

		list, err := r.ListStockAdjustments(r.as("a1", "auditor"), &inventoryv1.ListStockAdjustmentsRequest{ProductId: "p1"})
		if err != nil || list.GetTotalSize() != 3 {
			r.Fatalf("%v, %v", list, err)
		}
		var told []string
		for _, a := range list.GetStockAdjustments() {
			told = append(told, fmt.Sprint(a.GetProductId(), " ", a.GetSequence(), " ", a.GetDelta(), " ", a.GetOnHand(), " ", a.GetReason(), " ", a.GetActor(), " ", a.GetSource(), " ", r.clock.Sub(a.GetCreatedAt().AsTime())))
		}
		r.expect(told,
			"p1 3 -2 9 broken s8 ADJUSTMENT 0s",
			"p1 2 5 15 delivery s7 ADJUSTMENT 1h0m0s",
			"p1 1 10 10 Initial stock c1 INITIAL_STOCK 2h0m0s",
		)
		for name, c := range map[string]struct {
			req  *inventoryv1.ListStockAdjustmentsRequest
			want int32
		}{
			"all":    {&inventoryv1.ListStockAdjustmentsRequest{}, 4},
			"actor":  {&inventoryv1.ListStockAdjustmentsRequest{Actor: "s8"}, 1},
			"source": {&inventoryv1.ListStockAdjustmentsRequest{Source: inventoryv1.StockAdjustmentSource_INITIAL_STOCK}, 2},
			"both":   {&inventoryv1.ListStockAdjustmentsRequest{Actor: "s8", ProductId: "p2"}, 0},
		} {
			list, err := r.ListStockAdjustments(r.as("s1", "staff"), c.req)
			if err != nil || list.GetTotalSize() != c.want || len(list.GetStockAdjustments()) != int(c.want) {
				r.Errorf("%s: %v, %v", name, list, err)
			}
		}
		r.check()
	})
}

// Pages do not shift when stock is adjusted while they are turned.
func TestTrailPages(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 10, 0)
		for i := range 5 {
			r.adjust("s1", "p1", 1, fmt.Sprintf("reason %d", i)) // all at the same instant
		}
		var reasons []string
		token := ""
		for page := 0; page == 0 || token != ""; page++ {
			list, err := r.ListStockAdjustments(r.as("s1", "staff"), &inventoryv1.ListStockAdjustmentsRequest{ProductId: "p1", PageSize: 2, PageToken: token})
			if err != nil || len(list.GetStockAdjustments()) != 2 {
				r.Fatalf("%v, %v", list, err)
			}
			for _, a := range list.GetStockAdjustments() {
				reasons = append(reasons, a.GetReason())
			}
			token = list.GetNextPageToken()
			r.clock = r.clock.Add(time.Second)
			r.adjust("s1", "p1", 1, "late")
		}
		r.expect(reasons, "reason 4", "reason 3", "reason 2", "reason 1", "reason 0", "Initial stock")
	})
}

func TestTrailOverREST(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	r.adjust("s7", "p1", 5, "delivery")
	staff := r.issuer.Token("s1", "staff")
	for _, path := range []string{"/v1/products/p1/stockAdjustments?pageSize=1", "/v1/stockAdjustments?productId=p1&pageSize=1&source=ADJUSTMENT"} {
		code, _, answer := r.rest("GET", path, staff, "")
		all, _ := answer["stockAdjustments"].([]any)
		if code != http.StatusOK || len(all) != 1 {
			t.Fatalf("%s: %d %v", path, code, answer)
		}
		if a := all[0].(map[string]any); a["delta"] != "5" || a["onHand"] != "15" || a["actor"] != "s7" || a["source"] != "ADJUSTMENT" || a["createdAt"] != "2026-11-02T12:00:00Z" {
			t.Errorf("%s: %v", path, a)
		}
	}
	for path, want := range map[string]int{
		"/v1/products/none/stockAdjustments":      http.StatusNotFound,
		"/v1/stockAdjustments?pageToken=abc":      http.StatusBadRequest,
		"/v1/stockAdjustments?source=ELSEWHERE":   http.StatusBadRequest,
		"/v1/products/a%20b/stockAdjustments":     http.StatusBadRequest,
		"/v1/stockAdjustments?product=p1":         http.StatusBadRequest,
		"/v1/products/p1/stockAdjustments?actor=": http.StatusOK,
	} {
		if code, _, answer := r.rest("GET", path, staff, ""); code != want {
			t.Errorf("%s: %d %v", path, code, answer)
		}
	}
	if code, _, _ := r.rest("GET", "/v1/stockAdjustments", r.issuer.Token("u1", "customer"), ""); code != http.StatusForbidden {
		t.Errorf("a customer: %d", code)
	}
	_, err := r.ListStockAdjustments(r.as("u1"), &inventoryv1.ListStockAdjustmentsRequest{})
	if status.Code(err) != codes.PermissionDenied {
		t.Error(err)
	}
}

// A release without the trail leaves events behind, from which the timer makes it.
func TestTrailOfAnEarlierRelease(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("p1", 10, 0)
		r.adjust("s7", "p1", 5, "delivery")
		if _, err := r.DB.ExecContext(r.Context(), "DELETE FROM stock_adjustments"); err != nil {
			r.Fatal(err)
		}
		if filled := r.fillTrail(0); filled != 2 {
			r.Errorf("%d filled", filled)
		}
		list, err := r.ListStockAdjustments(r.as("s1", "staff"), &inventoryv1.ListStockAdjustmentsRequest{})
		if err != nil || list.GetTotalSize() != 2 || list.GetStockAdjustments()[0].GetActor() != "s7" && list.GetStockAdjustments()[1].GetActor() != "s7" {
			r.Errorf("%v, %v", list, err)
		}
		r.check()
	})
}

// fillTrail looks for what the trail lacks, a while after the clock.
func (r *rig) fillTrail(later time.Duration) int {
	r.Helper()
	for _, each := range r.Timers {
		if each.Name == "stock_trail" {
			filled, err := each.Fire(r.Context(), r.clock.Add(later))
			if err != nil {
				r.Fatal(err)
			}
			return filled
		}
	}
	r.Fatal("no timer")
	return 0
}

// The looks, which read all adjustments, end once the release without a trail must have gone and has left nothing.
func TestLooksForLostAdjustmentsEnd(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	for _, look := range []struct {
		later time.Duration
		lost  bool
		want  int
	}{
		{0, false, 0}, {50 * time.Minute, true, 1}, {time.Hour, true, 1}, {70 * time.Minute, false, 0}, {80 * time.Minute, true, 0},
	} {
		if look.lost {
			if _, err := r.DB.ExecContext(r.Context(), "DELETE FROM stock_adjustments"); err != nil {
				r.Fatal(err)
			}
		}
		if filled := r.fillTrail(look.later); filled != look.want {
			r.Errorf("after %s: %d filled, want %d", look.later, filled, look.want)
		}
	}
}
