package app_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"orderflow.example/order/app"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

func (r *rig) summary(request *orderv1.GetOrderSummaryRequest, subject string, roles ...string) *orderv1.OrderSummary {
	r.Helper()
	s, err := r.GetOrderSummary(r.as(subject, roles...), request)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func TestSummaryOfOrders(t *testing.T) {
	var today atomic.Int64 // days after the first
	first := time.Date(2026, 2, 27, 23, 59, 59, 0, time.UTC)
	eachDatabase(t, func(t *testing.T, r *rig) {
		today.Store(0)
		r.order("u1")
		paid, delivered, cancelled := r.order("u1").GetId(), r.order("u1").GetId(), r.order("u1").GetId()
		r.order("u2")
		r.pay(paid)
		r.pay(delivered)
		for _, next := range []orderv1.OrderStatus_Value{orderv1.OrderStatus_PROCESSING, orderv1.OrderStatus_SHIPPED, orderv1.OrderStatus_DELIVERED} {
			r.move(delivered, next, "")
		}
		today.Store(2)
		if _, err := r.CancelOrder(r.as("u1"), &orderv1.CancelOrderRequest{OrderId: cancelled}); err != nil {
			t.Fatal(err)
		}
		r.order("u1")
		everything := &orderv1.GetOrderSummaryRequest{}
		dayOne := &orderv1.OrderFigures{
			TotalOrders: 4, PendingOrders: 1, ActiveOrders: 1, CompletedOrders: 1, CancelledOrders: 1, Revenue: 4000, AverageOrderValue: 2000,
		}
		dayThree := &orderv1.OrderFigures{TotalOrders: 1, PendingOrders: 1}
		own := &orderv1.OrderSummary{
			Currency: "KRW", UserId: "u1",
			Total: &orderv1.OrderFigures{
				TotalOrders: 5, PendingOrders: 2, ActiveOrders: 1, CompletedOrders: 1, CancelledOrders: 1, Revenue: 4000, AverageOrderValue: 2000,
			},
			Days: []*orderv1.DaySummary{{Day: "2026-03-01", Figures: dayThree}, {Day: "2026-02-27", Figures: dayOne}},
		}
		named := &orderv1.GetOrderSummaryRequest{UserId: "u1"}
		for name, got := range map[string]*orderv1.OrderSummary{
			"the customer":                r.summary(everything, "u1"),
			"who names themselves":        r.summary(named, "u1"),
			"who names somebody else":     r.summary(&orderv1.GetOrderSummaryRequest{UserId: "u2"}, "u1"),
			"staff who name the customer": r.summary(named, "s1", "staff"),
			"an auditor who does":         r.summary(named, "a1", "auditor"),
			"a service that does":         r.summary(named, "x1", "service"),
		} {
			if !proto.Equal(got, own) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got := r.summary(everything, "s1", "staff"); got.GetUserId() != "" || got.GetTotal().GetTotalOrders() != 6 || got.GetTotal().GetPendingOrders() != 3 {
			t.Errorf("everybody: %v", got)
		}
		for _, c := range []struct {
			from, to string
			orders   int64
		}{
			{"2026-02-27", "2026-02-27", 4}, {"2026-02-28", "", 1}, {"", "2026-02-28", 4}, {"2026-03-02", "", 0}, {"2026-02-27", "2026-03-01", 5}, {"0001-01-01", "9999-12-31", 5}, {"", "0001-01-01", 0},
		} {
			if got := r.summary(&orderv1.GetOrderSummaryRequest{FromDay: c.from, ToDay: c.to}, "u1"); got.GetTotal().GetTotalOrders() != c.orders {
				t.Errorf("%s to %s: %v", c.from, c.to, got)
			}
		}
		if got := r.summary(&orderv1.GetOrderSummaryRequest{Currency: "USD"}, "u1"); got.GetCurrency() != "USD" || got.GetTotal().GetTotalOrders() != 0 || len(got.GetDays()) != 0 {
			t.Errorf("dollars: %v", got)
		}
		r.check()
	}, func(cfg *app.Config) {
		cfg.Now = func() time.Time { return first.AddDate(0, 0, int(today.Load())) }
	})
}

func TestSummaryOverREST(t *testing.T) {
	r := start(t)
	r.order("u1")
	token := r.issuer.Token("u1")
	got := r.exchange("GET", "/v1/orders:summary?fromDay=2020-01-01", token, "")
	if total, _ := got.body["total"].(map[string]any); got.code != http.StatusOK || got.body["userId"] != "u1" || total["totalOrders"] != "1" || total["revenue"] != "0" {
		t.Errorf("%d %v", got.code, got.body)
	}
	for query, words := range map[string][]string{
		"fromDay=2026-02-30":                  {"fromDay", "DAY_EXISTS"},
		"toDay=2026-13-01":                    {"toDay", "DAY_EXISTS"},
		"fromDay=2026-02-30&toDay=2025-02-29": {"fromDay", "toDay"},
		"fromDay=2026-02-02&toDay=2026-02-01": {"toDay", "DAY_ORDER"},
		"fromDay=1.2.2026":                    {"fromDay", "STRING_PATTERN"},
		"currency=won":                        {"currency", "STRING_PATTERN"},
		"day=2026-01-01":                      {"day"},
		"userId=" + strings.Repeat("u", 256):  {"userId"},
	} {
		if got := r.exchange("GET", "/v1/orders:summary?"+query, token, ""); got.code != http.StatusBadRequest || !got.says(append(words, "INVALID_ARGUMENT")...) {
			t.Errorf("%.60s: %d %v", query, got.code, got.body)
		}
	}
	if _, err := r.GetOrderSummary(t.Context(), &orderv1.GetOrderSummaryRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
}

// A summary lists a year of days and counts all.
func TestSummaryOfManyDays(t *testing.T) {
	r := start(t)
	if _, err := r.DB.ExecContext(t.Context(), `WITH RECURSIVE days(day) AS (SELECT 1 UNION ALL SELECT day + 1 FROM days WHERE day < 400)
		INSERT INTO order_summary SELECT 'u1', 'KRW', day, 1, 0, 0, 0, 0, 0, 0 FROM days`); err != nil {
		t.Fatal(err)
	}
	got := r.summary(&orderv1.GetOrderSummaryRequest{}, "u1")
	if len(got.GetDays()) != 366 || got.GetDays()[0].GetDay() != "1971-02-05" || got.GetTotal().GetTotalOrders() != 400 {
		t.Errorf("%d days, the first %v, total %v", len(got.GetDays()), got.GetDays()[0], got.GetTotal())
	}
}
