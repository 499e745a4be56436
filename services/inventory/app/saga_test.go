package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow.example/inventory/app"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

func (r *rig) expire() {
	r.Helper()
	if _, err := r.Timers[0].Fire(r.Context(), r.clock); err != nil {
		r.Fatal(err)
	}
}

func TestOrderFromPlacedToCommittedToReturned(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	r.say("o1", r.placed("o1", "p1", 3))
	held := r.reservation("o1")
	if held.GetStatus() != inventoryv1.ReservationStatus_HELD || held.GetItems()[0].GetProductId() != "p1" || held.GetItems()[0].GetQuantity() != 3 ||
		!held.GetExpiresAt().AsTime().Equal(r.clock.Add(15*time.Minute)) {
		t.Errorf("%v", held)
	}
	if p := r.get("p1"); p.GetOnHand() != 10 || p.GetReserved() != 3 || p.GetAvailable() != 7 {
		t.Errorf("%v", p)
	}
	r.say("o1", &orderv1.PaymentRequested{OrderID: "o1", Currency: "KRW", OccurredAt: r.clock}, r.confirmed("o1", "p1", 3))
	if p := r.get("p1"); r.reservation("o1").GetStatus() != inventoryv1.ReservationStatus_COMMITTED || p.GetOnHand() != 7 || p.GetReserved() != 0 {
		t.Errorf("%v", p)
	}
	r.say("o1", r.cancelled("o1"))
	if p := r.get("p1"); r.reservation("o1").GetStatus() != inventoryv1.ReservationStatus_RETURNED || p.GetOnHand() != 10 {
		t.Errorf("%v", p)
	}
	if said := r.answered("o1"); said != "StockReserved StockCommitted StockReturned" {
		t.Error(said)
	}
	r.check()
}

// Each event applies once, whatever is delivered twice, and in the order of the sequence, whatever comes early.
func TestDuplicatesAndReordering(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	first := r.record("o1", r.placed("o1", "p1", 3))
	second := r.record("o1", r.confirmed("o1", "p1", 3))
	third := r.record("o1", r.cancelled("o1"))
	r.arrive(first, first)
	r.arrive(third)
	r.arrive(first, second)
	if _, err := r.Processors[0].RetryParked(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.arrive(first, second, third)
	if said := r.answered("o1"); said != "StockReserved StockCommitted StockReturned" {
		t.Error(said)
	}
	r.check()
}

// The hold ends by the clock; the order is then confirmed: its items are taken again, or the commit fails.
func TestExpiredReservation(t *testing.T) {
	const expiry = 11 * time.Minute
	r := start(t, func(cfg *app.Config) { cfg.ReservationExpiry = expiry })
	r.create("p1", 5, 0)
	r.say("o1", r.placed("o1", "p1", 2))
	r.say("o2", r.placed("o2", "p1", 3))
	r.clock = r.clock.Add(expiry - time.Microsecond)
	r.expire()
	if r.get("p1").GetReserved() != 5 {
		t.Error("a hold ended too early")
	}
	r.clock = r.clock.Add(time.Microsecond)
	r.expire()
	if r.get("p1").GetReserved() != 0 || r.reservation("o1").GetStatus() != inventoryv1.ReservationStatus_EXPIRED {
		t.Errorf("%v", r.reservation("o1"))
	}
	r.say("o1", r.confirmed("o1", "p1", 2))
	r.say("o3", r.placed("o3", "p1", 1))
	r.say("o2", r.confirmed("o2", "p1", 3))
	if a, b := r.answered("o1"), r.answered("o2"); a != "StockReserved ReservationExpired StockCommitted" || b != "StockReserved ReservationExpired StockCommitFailed" {
		t.Error(a, b)
	}
	list, err := r.ListReservations(r.as("s1", "staff"), &inventoryv1.ListReservationsRequest{Status: inventoryv1.ReservationStatus_COMMIT_FAILED})
	if err != nil || len(list.GetReservations()) != 1 || list.GetReservations()[0].GetOrderId() != "o2" {
		t.Errorf("%v, %v", list, err)
	}
	r.check()
}

func TestListReservationsPages(t *testing.T) {
	r := start(t)
	r.create("p1", 100, 0)
	for _, id := range []string{"o1", "o2", "o3"} {
		r.say(id, r.placed(id, "p1", 1))
	}
	r.say("o2", r.cancelled("o2"))
	staff := r.as("s1", "staff")
	var ids []string
	req := &inventoryv1.ListReservationsRequest{PageSize: 1, Status: inventoryv1.ReservationStatus_HELD}
	for range 2 {
		list, err := r.ListReservations(staff, req)
		if err != nil || list.GetTotalSize() != 2 || len(list.GetReservations()) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		ids, req.PageToken = append(ids, list.GetReservations()[0].GetOrderId()), list.GetNextPageToken()
	}
	if strings.Join(ids, " ") != "o3 o1" || req.GetPageToken() != "" {
		t.Errorf("%v, then %q", ids, req.GetPageToken())
	}
}

func TestFacts(t *testing.T) {
	r := start(t)
	r.create("p1", 10, 0)
	r.say("o1", r.placed("o1", "p1", 3))
	r.say("o2", r.placed("o2", "p1", 2))
	r.say("o2", r.confirmed("o2", "p1", 2))
	if _, err := r.AdjustStock(r.as("s1", "staff"), &inventoryv1.AdjustStockRequest{ProductId: "p1", Delta: 4, Reason: "delivery"}); err != nil {
		t.Fatal(err)
	}
	stock, err := app.StockFacts(t.Context(), r.DB)
	if want := (app.StockFact{ProductID: "p1", OnHand: 12, Reserved: 3, Initial: 10, Adjusted: 4, Committed: 2}); err != nil || len(stock) != 1 || stock[0] != want {
		t.Errorf("%+v, %v", stock, err)
	}
	orders, err := app.ReservationFacts(t.Context(), r.DB)
	if err != nil || len(orders) != 2 {
		t.Fatalf("%+v, %v", orders, err)
	}
	if orders[0].OrderID != "o2" || orders[0].Status != "COMMITTED" || orders[0].Items["p1"] != 2 || orders[1].Status != "HELD" {
		t.Errorf("%+v", orders)
	}
}

func TestRepublishQueuesEveryProduct(t *testing.T) {
	r := start(t)
	for _, id := range []string{"p1", "p2", "p3"} {
		r.create(id, 1, 0)
	}
	if err := r.DB.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		rows, err := outbox.Unsent(ctx, tx, 100)
		if err != nil {
			return err
		}
		var ids []int64
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return outbox.MarkSent(ctx, tx, ids)
	}); err != nil {
		t.Fatal(err)
	}
	count, err := app.Republish(t.Context(), r.Service)
	if err != nil || count != 3 {
		t.Fatalf("%d, %v", count, err)
	}
	queued, err := outbox.Unsent(t.Context(), r.DB, 100)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, row := range queued {
		record := row.Record()
		if record.Topic != schemas.ProductEvents || record.Headers["ce_sequence"] != "1" {
			t.Errorf("%+v", record)
		}
		keys = append(keys, record.Key)
	}
	if !slices.Equal(keys, []string{"p1", "p2", "p3"}) {
		t.Errorf("%v", keys)
	}
	r.check()
}

func TestBadConfigurationStopsTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*app.Config)
		names  string
	}{
		"negative expiry": {func(cfg *app.Config) { cfg.ReservationExpiry = -time.Second }, "RESERVATION_EXPIRY=-1s: must be more than 10m0s"},
		"short expiry":    {func(cfg *app.Config) { cfg.ReservationExpiry = 10 * time.Minute }, "RESERVATION_EXPIRY=10m0s: must be more than 10m0s"},
		"tick":            {func(cfg *app.Config) { cfg.ExpiryTick = -time.Second }, "EXPIRY_TICK=-1s"},
		"import bytes":    {func(cfg *app.Config) { cfg.ImportMaxBytes = -1 }, "IMPORT_MAX_BYTES=-1"},
		"import rows":     {func(cfg *app.Config) { cfg.ImportMaxRows = -1 }, "IMPORT_MAX_ROWS=-1"},
	} {
		var cfg app.Config
		c.change(&cfg)
		if _, err := app.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
