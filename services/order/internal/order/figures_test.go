package order

import "testing"

func TestFiguresOfAnOrder(t *testing.T) {
	for _, status := range statuses {
		want := map[Status]Figures{
			Pending:    {Pending: 1},
			Confirmed:  {Pending: 1},
			Paid:       {Active: 1, PaidTotal: 1000, Revenue: 700},
			Processing: {Active: 1, PaidTotal: 1000, Revenue: 700},
			Shipped:    {Active: 1, PaidTotal: 1000, Revenue: 700},
			Delivered:  {Completed: 1, PaidTotal: 1000, Revenue: 700},
			Cancelled:  {Cancelled: 1},
			Refunded:   {Refunded: 1, PaidTotal: 1000, Revenue: 700},
		}[status]
		if got := FiguresOf(&Order{Status: status, Total: 1000, RefundedTotal: 300}); got != want || got.Orders() != 1 {
			t.Errorf("%s: %+v", status, got)
		}
	}
	if got := FiguresOf(&Order{}); got != (Figures{}) {
		t.Errorf("before it is placed: %+v", got)
	}
}

func TestAverageOrderValue(t *testing.T) {
	for _, c := range []struct{ orders, total, want int64 }{
		{0, 0, 0}, {1, 7, 7}, {2, 7, 4}, {3, 7, 2}, {3, 8, 3}, {4, 6, 2}, {2, 1<<63 - 1, 1 << 62},
	} {
		if got := (Figures{Pending: 5, Cancelled: 5, Active: c.orders, PaidTotal: c.total}).AverageOrderValue(); got != c.want {
			t.Errorf("%d orders of %d: %d, want %d", c.orders, c.total, got, c.want)
		}
	}
}
