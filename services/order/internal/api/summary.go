package api

import (
	"context"
	"time"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// summaryDays is how many days a summary lists at most. Its total counts all.
const summaryDays = 366

// GetOrderSummary sums up the orders of a customer, or of all.
func (s *Server) GetOrderSummary(ctx context.Context, req *orderv1.GetOrderSummaryRequest) (*orderv1.OrderSummary, error) {
	filter, err := summaryFilter(req)
	if err != nil {
		return nil, err
	}
	if own := readOwner(auth.FromContext(ctx)); own != store.AnyOwner {
		filter.Owner = own
	}
	days, err := store.Summary(ctx, s.cfg.DB, filter)
	if err != nil {
		return nil, err
	}
	summary := &orderv1.OrderSummary{Currency: filter.Currency, UserId: filter.Owner}
	var total order.Figures
	for i, d := range days {
		total = total.Plus(d.Figures)
		if i < summaryDays {
			summary.Days = append(summary.Days, &orderv1.DaySummary{Day: d.Start().Format(time.DateOnly), Figures: figuresMessage(d.Figures)})
		}
	}
	summary.Total = figuresMessage(total)
	return summary, nil
}

func summaryFilter(req *orderv1.GetOrderSummaryRequest) (store.SummaryFilter, error) {
	filter := store.SummaryFilter{Owner: req.GetUserId(), Currency: req.GetCurrency()}
	if filter.Currency == "" {
		filter.Currency = order.DefaultCurrency
	}
	var faults []errs.Field
	filter.From = day("fromDay", req.GetFromDay(), &faults)
	filter.To = day("toDay", req.GetToDay(), &faults)
	if filter.From != nil && filter.To != nil && *filter.From > *filter.To {
		faults = append(faults, errs.Field{Name: "toDay", Rule: "day.order", Description: "must not be before fromDay"})
	}
	if len(faults) > 0 {
		return filter, errs.Invalid(faults...)
	}
	return filter, nil
}

// day reads a day; nil when there is none. One that no calendar has, such as February 30, joins the faults.
func day(name, text string, faults *[]errs.Field) *store.Day {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		*faults = append(*faults, errs.Field{Name: name, Rule: "day.exists", Description: "must be a day of the calendar, as YYYY-MM-DD"})
		return nil
	}
	d := store.DayOf(at)
	return &d
}

func figuresMessage(f order.Figures) *orderv1.OrderFigures {
	return &orderv1.OrderFigures{
		TotalOrders: f.Orders(), PendingOrders: f.Pending, ActiveOrders: f.Active, CompletedOrders: f.Completed,
		CancelledOrders: f.Cancelled, RefundedOrders: f.Refunded, Revenue: f.Revenue, AverageOrderValue: f.AverageOrderValue(),
	}
}
