package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/check"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/platform"
	"orderflow.example/kit/service"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// Input is what a demonstration works on.
type Input struct {
	Products []catalogue.Product
	Orders   []catalogue.Order
}

// Target is the platform that it works with.
type Target struct {
	Addresses platform.Addresses
	Signer    *issuer.Signer
	Services  map[string]*service.Service // for the checks
}

// Summary is the end of a demonstration.
type Summary struct {
	Orders, Paid, Cancelled, Notified, Stuck, Violations int
}

func (s Summary) String() string {
	return fmt.Sprintf("orders=%d paid=%d cancelled=%d notified=%d stuck=%d violations=%d", s.Orders, s.Paid, s.Cancelled, s.Notified, s.Stuck, s.Violations)
}

// Err is what makes the command fail.
func (s Summary) Err() error {
	if s.Stuck > 0 || s.Violations > 0 {
		return errors.New("an order is stuck, or an invariant is broken")
	}
	return nil
}

// Run loads the products, places the orders, follows each to its end and its notification, and checks the invariants.
func Run(ctx context.Context, out io.Writer, target Target, in Input, patience time.Duration) (Summary, error) {
	inventory, err := inventoryClient(target.Addresses, target.Signer)
	if err != nil {
		return Summary{}, err
	}
	created, err := load(ctx, inventory, in.Products)
	if err != nil {
		return Summary{}, err
	}
	if err := awaitKnown(ctx, target.Addresses, target.Signer, in.Products); err != nil {
		return Summary{}, err
	}
	fmt.Fprintf(out, "%d products, %d of them new; %d orders to place\n", len(in.Products), created, len(in.Orders))

	s := newShop(target.Addresses, target.Signer)
	started := time.Now()
	all, err := withBar(len(in.Orders), "placing  ", func(step func()) ([]*placed, error) { return s.placeAll(ctx, in.Orders, step) })
	if err != nil {
		return Summary{}, err
	}
	stuck, err := withBar(len(all), "following", func(step func()) (int, error) { return s.followAll(ctx, all, patience, step) })
	if err != nil {
		return Summary{}, err
	}
	took := time.Since(started)

	if err := s.printTimelines(ctx, out, all); err != nil {
		return Summary{}, err
	}
	printEnds(out, all)
	fmt.Fprintf(out, "\n%d orders from POST to notification in %.1f s\n\n", len(all), took.Seconds())
	results, err := check.Quiet(ctx, target.Services, 10*time.Second)
	if err != nil {
		return Summary{}, err
	}
	if err := check.Print(out, results); err != nil {
		return Summary{}, err
	}
	return summarise(all, stuck, check.Violations(results)), nil
}

func summarise(all []*placed, stuck, violations int) Summary {
	s := Summary{Orders: len(all), Stuck: stuck, Violations: violations}
	for _, p := range all {
		switch p.order.GetStatus() {
		case orderv1.OrderStatus_PAID:
			s.Paid++
		case orderv1.OrderStatus_CANCELLED:
			s.Cancelled++
		}
		if p.done {
			s.Notified++
		}
	}
	return s
}

// withBar shows progress on standard error, so that standard output holds the results alone.
func withBar[T any](n int, what string, work func(step func()) (T, error)) (T, error) {
	bar := progressbar.NewOptions(n,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }),
	)
	result, err := work(func() { _ = bar.Add(1) }) // a terminal that can't be written to is no reason to stop
	return result, err
}
