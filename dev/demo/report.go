package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// printTimelines shows one order of each end in full.
func (s *shop) printTimelines(ctx context.Context, out io.Writer, all []*placed) error {
	shown := make(map[string]bool)
	for _, p := range all {
		end := endOf(p.order)
		if shown[end] || !p.done {
			continue
		}
		shown[end] = true
		if err := s.printTimeline(ctx, out, p, end); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) printTimeline(ctx context.Context, out io.Writer, p *placed, end string) error {
	token, err := s.token(p.wish.UserID)
	if err != nil {
		return err
	}
	var timeline orderv1.OrderTimeline
	if err := s.orders.As(token).Get(ctx, "/v1/orders/"+p.id+"/timeline", &timeline); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s (%s, %d %s): %s\n", p.order.GetOrderNumber(), p.wish.UserID, p.order.GetTotal(), p.order.GetCurrency(), end)
	var start time.Time
	types := make(map[string]string)
	for i, e := range timeline.GetEvents() {
		at := e.GetOccurredAt().AsTime()
		if i == 0 {
			start = at
		}
		name := e.GetType()[strings.LastIndexByte(e.GetType(), '.')+1:]
		types[e.GetEventId()] = name
		because := ""
		if cause := types[e.GetCausationId()]; cause != "" {
			because = "because of " + cause
		}
		fmt.Fprintf(out, "  %8.1f ms  %-10s %-26s %s\n", float64(at.Sub(start).Microseconds())/1000, e.GetService(), name, because)
	}
	return nil
}

// endOf says in a word or two how an order ended.
func endOf(o *orderv1.Order) string {
	if o.GetStatus() == orderv1.OrderStatus_CANCELLED {
		return "CANCELLED, " + o.GetCancelCause().String()
	}
	return o.GetStatus().String()
}

func printEnds(out io.Writer, all []*placed) {
	count := make(map[string]int)
	for _, p := range all {
		count[endOf(p.order)]++
	}
	ends := make([]string, 0, len(count))
	for end := range count {
		ends = append(ends, end)
	}
	slices.SortFunc(ends, func(a, b string) int { return count[b] - count[a] })
	fmt.Fprintln(out)
	for _, end := range ends {
		fmt.Fprintf(out, "  %6d  %s\n", count[end], end)
	}
}
