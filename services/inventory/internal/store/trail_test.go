package store_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/errs"
)

func (f *fixture) trail(filter store.AdjustmentFilter) []inventory.StockAdjustment {
	f.Helper()
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	all, _, err := store.ListAdjustments(f.Context(), f.db, filter)
	if err != nil {
		f.Fatal(err)
	}
	return all
}

// An adjustment's row is what its event says; a release without the trail leaves events whose rows are made later.
func TestTrailIsFilledFromTheLog(t *testing.T) {
	each(t, func(f *fixture) {
		f.busy()
		written := f.trail(store.AdjustmentFilter{})
		if len(written) != 3 {
			t.Fatalf("%d adjustments", len(written))
		}
		newest := written[0]
		if newest.ProductID != "p1" || newest.Delta != -2 || newest.OnHand != f.product("p1").Stock.OnHand || newest.Reason == "" || newest.Actor == "" ||
			newest.Source != inventory.Adjustment || time.Since(newest.At) > time.Hour {
			t.Errorf("%+v", newest)
		}
		if filled, err := store.FillTrail(t.Context(), f.db, decode); err != nil || filled != 0 {
			t.Errorf("a whole trail: %d filled, %v", filled, err)
		}
		f.exec("DELETE FROM stock_adjustments")
		if filled, err := store.FillTrail(t.Context(), f.db, decode); err != nil || filled != 3 {
			t.Errorf("an empty trail: %d filled, %v", filled, err)
		}
		if again := f.trail(store.AdjustmentFilter{}); !reflect.DeepEqual(again, written) {
			t.Errorf("filled  %+v\nwritten %+v", again, written)
		}
		f.mustHold()
	})
}

func TestTrailSaysWhichEventItCanNotRead(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1, 0)
		f.exec("DELETE FROM stock_adjustments")
		for payload, says := range map[string]string{"{}": "event 1 of p1", `{"Type":"orderflow.inventory.v1.LowStock","Data":{}}`: "LowStock"} {
			f.exec("UPDATE outbox SET payload = $1", []byte(payload))
			if _, err := store.FillTrail(t.Context(), f.db, decode); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", payload, err)
			}
		}
	})
}

// The trail is written in the transaction of the adjustment.
func TestNoTrailOfWhatDidNotHappen(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1, 0)
		undone := errors.New("undone")
		err := f.try(func(ctx context.Context, w *store.Work) error {
			if err := w.LoadProducts(ctx, "p1"); err != nil {
				return err
			}
			events, err := inventory.Adjust(w.Shelf()["p1"], 5, "found", "u1", w.Now())
			if err != nil {
				return err
			}
			if err := w.RecordProduct(store.Cause{}, events...); err != nil {
				return err
			}
			if err := w.Flush(ctx); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		if left := f.trail(store.AdjustmentFilter{}); len(left) != 1 {
			t.Errorf("%+v", left)
		}
	})
}

func TestAdjustmentsPageAndFilters(t *testing.T) {
	each(t, func(f *fixture) {
		f.busy()
		all := f.trail(store.AdjustmentFilter{})
		var paged []inventory.StockAdjustment
		filter := store.AdjustmentFilter{Limit: 1}
		for range all {
			paged = append(paged, f.trail(filter)...)
			last := paged[len(paged)-1]
			filter.Before = &store.AdjustmentPosition{At: last.At, ProductID: last.ProductID, Sequence: last.Sequence}
			f.adjustNow("p2") // newer than every page that is still to come
		}
		if !reflect.DeepEqual(paged, all) {
			t.Errorf("paged %+v\nwhole %+v", paged, all)
		}
		for name, c := range map[string]struct {
			filter store.AdjustmentFilter
			want   int
		}{
			"product":     {store.AdjustmentFilter{ProductID: "p1"}, 2},
			"source":      {store.AdjustmentFilter{Source: inventory.InitialStock}, 2},
			"actor":       {store.AdjustmentFilter{Actor: "nobody"}, 0},
			"all of them": {store.AdjustmentFilter{ProductID: "p1", Source: inventory.InitialStock, Actor: all[len(all)-1].Actor}, 1},
		} {
			if got := f.trail(c.filter); len(got) != c.want {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
}

func (f *fixture) adjustNow(id string) {
	f.Helper()
	if err := f.adjust(id, 1); err != nil {
		f.Fatal(err)
	}
}

// Whoever comes second is told what was taken, the id or the SKU.
func TestARaceForAnIDOrASKU(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1, 0)
		for want, n := range map[string]inventory.NewProduct{
			"PRODUCT_EXISTS p1":    {ID: "p1", SKU: "other", Name: "n", Price: 1, Currency: "KRW"},
			"SKU_EXISTS SKU-p1 p1": {ID: "p2", SKU: "SKU-p1", Name: "n", Price: 1, Currency: "KRW"},
		} {
			err := f.try(func(_ context.Context, w *store.Work) error { // without a look first, as if p1 came meanwhile
				for _, each := range []inventory.NewProduct{{ID: "a", SKU: "a", Name: "n", Price: 1, Currency: "KRW"}, n} {
					p, events := inventory.Create(each, "u1", w.Now())
					w.Add(p)
					if err := w.RecordProduct(store.Cause{}, events...); err != nil {
						return err
					}
				}
				return nil
			})
			e := errs.From(err)
			if got := strings.Join(strings.Fields(e.Reason+" "+e.Metadata["sku"]+" "+e.Metadata["product_id"]), " "); got != want {
				t.Errorf("got %s, want %s (%v)", got, want, err)
			}
		}
		f.mustHold()
	})
}
