package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/inventory/internal/store"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/schemas"
)

func TestProductSurvivesTheRow(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 10, 3)
		name, price, threshold, archived := "Better", int64(950), int64(4), true
		var inMemory inventory.Product
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.LoadProducts(ctx, "p1"); err != nil {
				return err
			}
			p := w.Shelf()["p1"]
			events, err := inventory.Update(p, inventory.ProductUpdate{Name: &name, Price: &price, LowThreshold: &threshold, Archived: &archived}, w.Now())
			if err != nil {
				return err
			}
			err = w.RecordProduct(store.Cause{}, events...)
			inMemory = *p
			return err
		})
		if got := f.product("p1"); *got != inMemory || got.Version != 2 || !got.Archived || got.Stock.LowThreshold != 4 {
			t.Errorf("stored %+v\nwas    %+v", *got, inMemory)
		}
		f.mustHold()
	})
}

func TestReservationSurvivesTheRow(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 10, 0)
		f.create("p2", 10, 0)
		f.happen("o1", placed(item("p2", 1), item("p1", 2), item("p2", 3)))
		var inMemory inventory.Reservation
		f.work(func(ctx context.Context, w *store.Work) error {
			err := decide(ctx, w, "o1", confirmed)
			inMemory = *w.Reservation("o1")
			return err
		})
		got := f.reservation("o1")
		if !reflect.DeepEqual(*got, inMemory) || got.Status != inventory.Committed || len(got.Lines) != 2 || got.Sequence != 2 {
			t.Errorf("stored %+v\nwas    %+v", *got, inMemory)
		}
		if s := f.product("p2").Stock; s.OnHand != 6 || s.Reserved != 0 || s.Committed != 4 {
			t.Errorf("%+v", s)
		}
		f.mustHold()
	})
}

func TestEventsAreNumberedPerKeyAndCaused(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 10, 8)
		f.happen("o1", placed(item("p1", 2)), confirmed, cancelled)
		if err := f.adjust("p1", 5); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ topic, key, types, correlation, cause string }{
			{schemas.InventoryEvents, "o1", "StockReserved StockCommitted StockReturned", "o1 o1 o1", "cause cause cause"},
			{schemas.InventoryEvents, "p1", "StockAdjusted LowStock StockAdjusted", " o1 ", " cause "},
			{schemas.ProductEvents, "p1", "ProductChanged", "", ""},
		} {
			log, err := outbox.Log(t.Context(), f.db, c.topic, c.key)
			if err != nil {
				t.Fatal(err)
			}
			var types, correlation, cause []string
			for i, row := range log {
				if row.Sequence != int64(i+1) {
					t.Errorf("%s %s: row %d has sequence %d", c.topic, c.key, i, row.Sequence)
				}
				types = append(types, strings.TrimPrefix(row.Type, "orderflow.inventory.v1."))
				correlation, cause = append(correlation, row.CorrelationID), append(cause, row.CausationID)
			}
			if strings.Join(types, " ") != c.types || strings.Join(correlation, " ") != c.correlation || strings.Join(cause, " ") != c.cause {
				t.Errorf("%s %s: %q, correlation %q, cause %q", c.topic, c.key, types, correlation, cause)
			}
		}
		f.mustHold()
	})
}

// The same product in a hundred orders of one transaction is written once, and each order sees what the others took.
func TestOneUnitOfWorkSharesTheStock(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 60, 0)
		f.work(func(ctx context.Context, w *store.Work) error {
			for i := range 100 {
				if err := decide(ctx, w, fmt.Sprintf("o%03d", i), placed(item("p1", 1))); err != nil {
					return err
				}
			}
			return nil
		})
		_, held, err := store.ListReservations(t.Context(), f.db, store.ReservationFilter{Statuses: []inventory.Status{inventory.Held}, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if s := f.product("p1").Stock; held != 60 || s.Reserved != 60 || s.OnHand != 60 {
			t.Errorf("%d orders hold something, %+v", held, s)
		}
		f.mustHold()
	})
}

func TestSecondProductOfAnIDOrSKUIsRefused(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1, 0)
		for name, n := range map[string]inventory.NewProduct{"id": {ID: "p1", SKU: "other"}, "SKU": {ID: "other", SKU: "SKU-p1"}} {
			err := f.try(func(_ context.Context, w *store.Work) error {
				p, events := inventory.Create(n, "u1", w.Now())
				w.Add(p)
				return w.RecordProduct(store.Cause{}, events...)
			})
			if errs.From(err).Code != errs.AlreadyExists {
				t.Errorf("same %s: %v", name, err)
			}
		}
		if _, total, err := store.ListProducts(t.Context(), f.db, store.ProductFilter{Limit: 10}); err != nil || total != 1 {
			t.Errorf("%d products, %v", total, err)
		}
		if owner, err := store.SKUOwner(t.Context(), f.db, "SKU-p1"); owner != "p1" || err != nil {
			t.Errorf("%q, %v", owner, err)
		}
		if owner, err := store.SKUOwner(t.Context(), f.db, "nobody's"); owner != "" || err != nil {
			t.Errorf("%q, %v", owner, err)
		}
	})
}

func TestUnknownProductIsNotFound(t *testing.T) {
	each(t, func(f *fixture) {
		_, err := store.GetProduct(t.Context(), f.db, "p1")
		if e := errs.From(err); e.Code != errs.NotFound || e.Metadata["product_id"] != "p1" {
			t.Errorf("%v", err)
		}
	})
}

func TestEventOfAProductThatIsNotLoadedIsAnError(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 1, 0)
		err := f.try(func(_ context.Context, w *store.Work) error {
			_, events := inventory.Create(inventory.NewProduct{ID: "p2"}, "u1", w.Now())
			return w.RecordProduct(store.Cause{}, events...)
		})
		if err == nil {
			t.Error("recorded")
		}
	})
}

func TestListProductsPagesByID(t *testing.T) {
	each(t, func(f *fixture) {
		for _, id := range []string{"p3", "p1", "p5", "p2", "p4"} {
			f.create(id, 1, 0)
		}
		archived := true
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.LoadProducts(ctx, "p2"); err != nil {
				return err
			}
			events, err := inventory.Update(w.Shelf()["p2"], inventory.ProductUpdate{Archived: &archived}, w.Now())
			if err != nil {
				return err
			}
			return w.RecordProduct(store.Cause{}, events...)
		})
		for _, c := range []struct {
			filter store.ProductFilter
			ids    string
			total  int64
		}{
			{store.ProductFilter{Limit: 2}, "p1 p3", 4},
			{store.ProductFilter{Limit: 2, After: "p3"}, "p4 p5", 4},
			{store.ProductFilter{Limit: 2, After: "p5"}, "", 4},
			{store.ProductFilter{Limit: 9, Archived: true}, "p1 p2 p3 p4 p5", 5},
		} {
			page, total, err := store.ListProducts(t.Context(), f.db, c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, p := range page {
				ids = append(ids, p.ID)
			}
			if strings.Join(ids, " ") != c.ids || total != c.total {
				t.Errorf("%+v: %v of %d", c.filter, ids, total)
			}
		}
	})
}

func TestListReservationsPagesNewestFirst(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 100, 0)
		f.happen("o1", placed(item("p1", 1)))
		f.happen("o2", placed(item("p1", 1)), confirmed)
		f.happen("o3", placed(item("p1", 1), item("unknown", 1)))
		f.happen("o4", placed(item("p1", 4)))
		for _, c := range []struct {
			filter store.ReservationFilter
			ids    string
			total  int64
		}{
			{store.ReservationFilter{Limit: 3}, "o4:1 o3:0 o2:1", 4},
			{store.ReservationFilter{Limit: 3, Before: "o2"}, "o1:1", 4},
			{store.ReservationFilter{Limit: 3, Statuses: []inventory.Status{inventory.Held}}, "o4:1 o1:1", 2},
			{store.ReservationFilter{Limit: 3, Statuses: []inventory.Status{inventory.Committed, inventory.Rejected}}, "o3:0 o2:1", 2},
			{store.ReservationFilter{Limit: 3, OrderID: "o2", Statuses: []inventory.Status{inventory.Committed}}, "o2:1", 1},
			{store.ReservationFilter{Limit: 3, OrderID: "o2", Statuses: []inventory.Status{inventory.Held}}, "", 0},
		} {
			page, total, err := store.ListReservations(t.Context(), f.db, c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range page {
				ids = append(ids, fmt.Sprintf("%s:%d", r.OrderID, len(r.Lines)))
			}
			if strings.Join(ids, " ") != c.ids || total != c.total {
				t.Errorf("%+v: %v of %d", c.filter, ids, total)
			}
		}
	})
}

func TestLoadDueFindsWhatIsOver(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 100, 0)
		f.happen("o1", placed(item("p1", 1)))
		f.happen("o2", placed(item("p1", 1)), confirmed)
		f.happen("o3", placed(item("p1", 1)), cancelled)
		f.happen("o4", placed(item("p1", 1)))
		due := f.reservation("o4").ExpiresAt
		for _, c := range []struct {
			before time.Time
			limit  int
			ids    string
		}{
			{due, 10, "o1 o4"},
			{due, 1, "o1"},
			{due.Add(-time.Microsecond), 10, "o1"},
			{f.reservation("o1").ExpiresAt.Add(-time.Microsecond), 10, ""},
		} {
			f.work(func(ctx context.Context, w *store.Work) error {
				found, err := w.LoadDue(ctx, c.before, c.limit)
				var ids []string
				for _, r := range found {
					if len(r.Lines) != 1 || w.Reservation(r.OrderID) != r {
						t.Errorf("%+v", r)
					}
					ids = append(ids, r.OrderID)
				}
				if strings.Join(ids, " ") != c.ids {
					t.Errorf("before %v, at most %d: %v", c.before, c.limit, ids)
				}
				return err
			})
		}
	})
}

func TestNothingIsWrittenWhenTheWorkFails(t *testing.T) {
	each(t, func(f *fixture) {
		f.create("p1", 10, 0)
		failure := errors.New("no")
		err := f.try(func(ctx context.Context, w *store.Work) error {
			if err := decide(ctx, w, "o1", placed(item("p1", 1))); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) || f.reservation("o1") != nil || f.product("p1").Stock.Reserved != 0 {
			t.Errorf("%v, %+v", err, f.product("p1").Stock)
		}
	})
}
