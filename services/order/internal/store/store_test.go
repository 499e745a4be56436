package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

func TestOrderSurvivesTheRow(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 2)
		f.react("o1", untilPaid("o1")...)
		var inMemory order.Order
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.Load(ctx, store.AnyOwner, "o1"); err != nil {
				return err
			}
			o := w.Order("o1")
			for _, move := range []order.Status{order.Processing, order.Shipped} {
				events, err := order.UpdateStatus(o, move, order.Shipment{Carrier: "Post", TrackingNumber: "T1"}, "now", w.Now())
				if err != nil {
					return err
				}
				if err := w.Record(o, store.Cause{}, events...); err != nil {
					return err
				}
			}
			for _, id := range []string{"r1", "r2"} {
				part := int64(700)
				events, err := order.RequestRefund(o, id, &part, "broken", w.Now())
				if err != nil {
					return err
				}
				if err := w.Record(o, store.Cause{}, events...); err != nil {
					return err
				}
			}
			one := "r1"
			paid := order.React(o, &paymentv1.PaymentRefunded{OrderID: "o1", RefundID: &one}, w.Now())
			err := w.Record(o, store.Cause{}, paid...)
			inMemory = *o
			return err
		})
		if got := f.get("o1"); !reflect.DeepEqual(*got, inMemory) {
			t.Errorf("stored %+v\nwas    %+v", *got, inMemory)
		}
		if inMemory.Status != order.Shipped || len(inMemory.Refunds) != 2 || inMemory.Version != 10 {
			t.Errorf("the test does not test what it should: %+v", inMemory)
		}
	})
}

func TestEventsAreNumberedAndCaused(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 2)
		f.react("o1", untilPaid("o1")...)
		log, err := outbox.Log(f.Context(), f.db, schemas.OrderEvents, "o1")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for i, row := range log {
			if row.Sequence != int64(i+1) || row.CorrelationID != "o1" || (row.CausationID == "") != (i == 0) {
				t.Errorf("row %d: sequence %d, correlation %q, cause %q", i, row.Sequence, row.CorrelationID, row.CausationID)
			}
			names = append(names, strings.TrimPrefix(row.Type, "orderflow.order.v1."))
		}
		want := []string{"OrderPlaced", "PaymentRequested", "OrderConfirmed", "PaymentCaptureRequested", "OrderPaid"}
		if !slices.Equal(names, want) {
			t.Errorf("got %v", names)
		}
	})
}

func TestManyOrdersInOneWork(t *testing.T) {
	each(t, func(f *fixture) {
		var ids []string
		for i := range 150 {
			ids = append(ids, fmt.Sprintf("o%03d", i))
		}
		f.work(func(_ context.Context, w *store.Work) error {
			for i, id := range ids {
				event, err := order.Place(order.Placement{ID: id, Nonce: uint32(i), UserID: "u", Items: []order.Line{{ProductID: "p1", Quantity: 1}}}, products, w.Now())
				if err != nil {
					return err
				}
				if err := w.Record(&order.Order{}, store.Cause{}, event); err != nil {
					return err
				}
			}
			return nil
		})
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.Load(ctx, store.AnyOwner, append(slices.Clone(ids), "none", ids[0])...); err != nil {
				return err
			}
			if w.Order("none") != nil {
				t.Error("found an order that is not there")
			}
			for _, id := range ids {
				if err := w.Record(w.Order(id), store.Cause{}, order.React(w.Order(id), untilPaid(id)[0], w.Now())...); err != nil {
					return err
				}
			}
			return nil
		})
		for _, id := range ids {
			if o := f.get(id); o.Step != order.AuthorizePayment || o.Version != 2 {
				t.Fatalf("order %s: %s, version %d", id, o.Step, o.Version)
			}
		}
	})
}

func TestOthersOrdersAreNotFound(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 1)
		number := f.get("o1").Number
		reads := map[string]func(owner string) error{
			"by id":     func(owner string) error { _, err := store.Get(f.Context(), f.db, owner, "o1"); return err },
			"by number": func(owner string) error { _, err := store.GetByNumber(f.Context(), f.db, owner, number); return err },
		}
		for name, read := range reads {
			for owner, found := range map[string]bool{"u1": true, "u2": false, store.AnyOwner: true} {
				err := read(owner)
				var e *errs.Error
				switch {
				case found && err != nil:
					t.Errorf("%s, owner %q: %v", name, owner, err)
				case !found && (!errors.As(err, &e) || e.Code != errs.NotFound):
					t.Errorf("%s, owner %q: %v is not NOT_FOUND", name, owner, err)
				}
			}
		}
		f.work(func(ctx context.Context, w *store.Work) error {
			if err := w.Load(ctx, "u2", "o1"); err != nil {
				return err
			}
			if w.Order("o1") != nil {
				t.Error("u2 loaded an order of u1")
			}
			return nil
		})
	})
}

func TestSecondOrderOfANumberIsRefused(t *testing.T) {
	each(t, func(f *fixture) {
		f.place("o1", "u1", 1)
		taken := f.get("o1").Number
		err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			w := f.store.Begin(tx)
			event, err := order.Place(order.Placement{ID: "o2", UserID: "u1", Items: []order.Line{{ProductID: "p1", Quantity: 1}}}, products, w.Now())
			if err != nil {
				return err
			}
			event.(*orderv1.OrderPlaced).OrderNumber = taken
			if err := w.Record(&order.Order{}, store.Cause{}, event); err != nil {
				return err
			}
			return w.Flush(ctx)
		})
		if !sqldb.IsUniqueViolation(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOnlyHigherProductVersionsCount(t *testing.T) {
	each(t, func(f *fixture) {
		save := func(all ...order.Product) {
			if err := f.db.InTx(f.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				return store.SaveProducts(ctx, tx, all)
			}); err != nil {
				t.Fatal(err)
			}
		}
		v := func(version, price int64) order.Product {
			return order.Product{ID: "p1", SKU: "S1", Name: "Tea", Price: price, Currency: "KRW", Version: version}
		}
		price := func() int64 {
			found, err := store.Products(f.Context(), f.db, []string{"p1", "none", "p1"})
			if err != nil || len(found) != 1 {
				t.Fatalf("found %v, %v", found, err)
			}
			return found["p1"].Price
		}
		save()
		save(v(2, 200))
		save(v(1, 100))
		if got := price(); got != 200 {
			t.Errorf("an older version came through: %d", got)
		}
		save(v(4, 400), v(5, 500), v(3, 300))
		if got := price(); got != 500 {
			t.Errorf("the highest of a batch did not: %d", got)
		}
		save(order.Product{ID: "p1", SKU: "S1", Name: "Tea", Price: 500, Currency: "KRW", Version: 6, Archived: true})
		if found, err := store.Products(f.Context(), f.db, []string{"p1"}); err != nil || !found["p1"].Archived {
			t.Errorf("not archived: %v, %v", found, err)
		}
	})
}

func TestListPages(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 7 {
			f.place(fmt.Sprintf("o%d", i), "u1", int32(i+1))
		}
		f.place("other", "u2", 5)
		f.react("o3", untilPaid("o3")...)
		var ids []string
		var after *store.Position
		for {
			page, err := store.List(f.Context(), f.db, store.Filter{Owner: "u1"}, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				ids = append(ids, o.ID)
			}
			if len(page) < 3 {
				break
			}
			after = &store.Position{At: page[2].CreatedAt, ID: page[2].ID}
		}
		if want := []string{"o6", "o5", "o4", "o3", "o2", "o1", "o0"}; !slices.Equal(ids, want) {
			t.Errorf("got %v, newest first is %v", ids, want)
		}
		number := func(n int64) *int64 { return &n }
		third := f.get("o3").CreatedAt
		filters := map[string]struct {
			filter store.Filter
			want   int64
		}{
			"all":                   {store.Filter{}, 8},
			"owner":                 {store.Filter{Owner: "u1"}, 7},
			"owner and another":     {store.Filter{Owner: "u1", UserID: "u2"}, 0},
			"user":                  {store.Filter{UserID: "u2"}, 1},
			"status":                {store.Filter{Status: order.Paid}, 1},
			"payment status":        {store.Filter{PaymentStatus: order.PaymentPending}, 7},
			"from and before":       {store.Filter{CreatedFrom: third, CreatedBefore: third.Add(time.Microsecond)}, 1},
			"at least, at most":     {store.Filter{MinTotal: number(2000), MaxTotal: number(5000)}, 5},
			"everything at once":    {store.Filter{Owner: "u1", UserID: "u1", Status: order.Paid, PaymentStatus: order.PaymentCompleted, CreatedFrom: third, MinTotal: number(4000), MaxTotal: number(4000)}, 1},
			"nothing of that price": {store.Filter{MinTotal: number(9000)}, 0},
		}
		for name, c := range filters {
			n, err := store.Count(f.Context(), f.db, c.filter)
			if err != nil || n != c.want {
				t.Errorf("%s: counted %d, want %d (%v)", name, n, c.want, err)
			}
			listed, err := store.List(f.Context(), f.db, c.filter, nil, 100)
			if err != nil || int64(len(listed)) != c.want {
				t.Errorf("%s: listed %d, want %d (%v)", name, len(listed), c.want, err)
			}
		}
	})
}

func TestSagas(t *testing.T) {
	each(t, func(f *fixture) {
		for _, id := range []string{"a", "b", "c"} {
			f.place(id, "u1", 1)
		}
		f.react("c", untilPaid("c")...)
		f.react("a", untilPaid("a")[0])
		all, err := store.Sagas(f.Context(), f.db, nil, 10)
		if err != nil || len(all) != 2 || all[0].OrderID != "b" || all[1].OrderID != "a" || all[1].Step != order.AuthorizePayment {
			t.Fatalf("the longest waiting first: %v, %v", all, err)
		}
		rest, err := store.Sagas(f.Context(), f.db, &store.Position{At: all[0].Since, ID: all[0].OrderID}, 10)
		if err != nil || len(rest) != 1 || rest[0].OrderID != "a" {
			t.Errorf("second page: %v, %v", rest, err)
		}
		if n, err := store.CountSagas(f.Context(), f.db); err != nil || n != 2 {
			t.Errorf("counted %d, %v", n, err)
		}
		since := all[1].Since
		if due, err := store.SagasDue(f.Context(), f.db, order.AuthorizePayment, since, 10); err != nil || len(due) != 0 {
			t.Errorf("due before the broker has taken the question: %v, %v", due, err)
		}
		if _, err := f.db.ExecContext(f.Context(), "UPDATE outbox SET sent_at = time"); err != nil {
			t.Fatal(err)
		}
		for began, want := range map[time.Time]int{since: 1, since.Add(-time.Microsecond): 0} {
			due, err := store.SagasDue(f.Context(), f.db, order.AuthorizePayment, began, 10)
			n, countErr := store.CountSagasDue(f.Context(), f.db, order.AuthorizePayment, began)
			if err != nil || countErr != nil || len(due) != want || int(n) != want {
				t.Errorf("due at %s: %v, %d, want %d (%v, %v)", began, due, n, want, err, countErr)
			}
		}
	})
}
