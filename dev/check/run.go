package check

import (
	"context"
	"fmt"
	"io"
	"time"

	"orderflow.example/kit/service"
)

// All runs every service's own checks and those across them.
func All(ctx context.Context, services map[string]*service.Service) ([]Result, error) {
	var results []Result
	for _, name := range []string{"order", "inventory", "payment", "notifier"} {
		s, ok := services[name]
		if !ok {
			return nil, fmt.Errorf("there is no service %s to check", name)
		}
		for _, c := range s.Checks {
			found, err := c.Run(ctx, s.DB)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, c.Name, err)
			}
			results = append(results, Result{Name: name + ": " + c.Name, Result: found})
		}
	}
	dbs := Databases{Order: services["order"].DB, Inventory: services["inventory"].DB, Payment: services["payment"].DB, Notifier: services["notifier"].DB}
	stuck, err := Stuck(ctx, dbs)
	if err != nil {
		return nil, err
	}
	across, err := Cross(ctx, dbs)
	if err != nil {
		return nil, err
	}
	return append(append(results, stuck), across...), nil
}

// Violations counts what is broken.
func Violations(results []Result) int {
	n := 0
	for _, r := range results {
		n += len(r.Violations)
	}
	return n
}

const betweenLooks = 250 * time.Millisecond

// Quiet runs all checks until they find nothing, or `patience` is over: what is still on its way then comes to rest.
// It answers with the last results.
func Quiet(ctx context.Context, services map[string]*service.Service, patience time.Duration) ([]Result, error) {
	deadline := time.Now().Add(patience)
	for {
		results, err := All(ctx, services)
		if err != nil || Violations(results) == 0 || time.Now().After(deadline) {
			return results, err
		}
		select {
		case <-ctx.Done():
			return results, ctx.Err()
		case <-time.After(betweenLooks):
		}
	}
}

// Print writes one line a check, and under a broken one what broke it.
func Print(out io.Writer, results []Result) error {
	for _, r := range results {
		verdict := "ok"
		if len(r.Violations) > 0 {
			verdict = "BROKEN"
		}
		if _, err := fmt.Fprintf(out, "%-7s %7d  %s\n", verdict, r.Count, r.Name); err != nil {
			return err
		}
		for _, v := range r.Violations {
			if _, err := fmt.Fprintf(out, "                 - %s\n", v); err != nil {
				return err
			}
		}
	}
	return nil
}
