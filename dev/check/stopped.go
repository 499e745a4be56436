package check

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"orderflow.example/kit/check"
	"orderflow.example/kit/service"
	notifier "orderflow.example/notifier/app"
	order "orderflow.example/order/app"
)

// Stopped runs all checks on services that do not run. Nothing comes to rest there, so an order for which a service has
// work left is under way, however long ago the stop was: what passes once that work is done is no violation.
func Stopped(ctx context.Context, services map[string]*service.Service) (results []Result, underWay int, err error) {
	if results, err = All(ctx, services); err != nil {
		return nil, 0, err
	}
	moving, err := movedBy(ctx, services, "order", "inventory", "payment")
	if err != nil {
		return nil, 0, err
	}
	telling, err := movedBy(ctx, services, "order", "inventory", "payment", "notifier")
	if err != nil {
		return nil, 0, err
	}
	for i, r := range results {
		left := moving // what is left to be told moves neither stock nor money
		if r.Name == factsTold {
			left = telling
		}
		results[i].Violations = slices.DeleteFunc(r.Violations, func(violation string) bool {
			key, passes := r.Passing[violation]
			return passes && left[key]
		})
	}
	orders, err := order.OrderFacts(ctx, services["order"].DB)
	if err != nil {
		return nil, 0, fmt.Errorf("order: %w", err)
	}
	for _, o := range orders {
		if telling[o.ID] {
			underWay++
		}
	}
	return results, underWay, nil
}

// PrintUnderWay writes how many orders go on at the next start, as a line below those of Print.
func PrintUnderWay(out io.Writer, orders int) error {
	_, err := fmt.Fprintf(out, "%s %5d  orders go on at the next start\n", "under way", orders)
	return err
}

// movedBy are the keys, those of orders among them, for which one of the named services has a job, a message to be tried
// again, an event to be sent, or an event of another that it has yet to apply.
func movedBy(ctx context.Context, services map[string]*service.Service, names ...string) (map[string]bool, error) {
	keys := make(map[string]bool)
	sent := make(map[check.Lane]int64) // a topic has one writer
	works := make(map[string]check.Work)
	for _, name := range names {
		work, err := check.ReadWork(ctx, services[name].DB, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		works[name] = work
		maps.Copy(keys, work.Keys)
		maps.Copy(sent, work.Sent)
	}
	for _, name := range names {
		for _, p := range services[name].Processors {
			addUnapplied(keys, sent, works[name], p.Topics())
		}
	}
	if !slices.Contains(names, "notifier") {
		return keys, nil
	}
	told, err := notifier.OrdersToTell(ctx, services["notifier"].DB) // its jobs have keys of their own
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	for _, id := range told {
		keys[id] = true
	}
	return keys, nil
}

func addUnapplied(keys map[string]bool, sent map[check.Lane]int64, work check.Work, topics []string) {
	for lane, last := range sent {
		if slices.Contains(topics, lane.Topic) && work.Applied[lane] < last && !work.Blocked[lane] {
			keys[lane.Key] = true
		}
	}
}
