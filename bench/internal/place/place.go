// Package place measures the placing of orders over REST: the answer's latency, and the time until each order is paid.
package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"

	"orderflow.example/bench/internal/load"
	"orderflow.example/bench/internal/target"
	"orderflow.example/dev/platform"
	"orderflow.example/dev/rest"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// Command is `bench place`.
func Command() *cobra.Command {
	var rate int
	var duration time.Duration
	cmd := &cobra.Command{
		Use:     "place",
		Short:   "Place orders over REST at a fixed rate and follow each until it is paid",
		Example: "  go run ./bench place --rate 500 --for 60s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rate < 1 || rate > 100_000 {
				return fmt.Errorf("--rate %d: must be 1 to 100000", rate)
			}
			if duration < time.Second || duration > time.Hour {
				return fmt.Errorf("--for %s: must be 1s to 1h", duration)
			}
			return measure(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), rate, duration)
		},
	}
	cmd.Flags().IntVar(&rate, "rate", 500, "orders a second")
	cmd.Flags().DurationVar(&duration, "for", time.Minute, "how long to place orders")
	return cmd
}

// patience is how long after the last order those on their way may take.
const patience = time.Minute

func measure(ctx context.Context, out, progress io.Writer, rate int, duration time.Duration) (err error) {
	fmt.Fprintln(progress, "building and starting the platform on an empty folder")
	t, err := target.Start(ctx, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Stop()) }()
	fmt.Fprintf(out, "ready after                 %.2f s\n", t.Ready.Seconds())

	w, err := newWatcher(t.Kafka)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan error, 1)
	go func() { watched <- w.consumer.Run(watching) }()
	defer func() { stop(); err = errors.Join(err, <-watched) }()

	r, err := run(ctx, t, w, progress, rate, duration)
	if err != nil {
		return err
	}
	return r.print(out)
}

type result struct {
	load.Report
	rate        int
	duration    time.Duration
	toPaid      *hdrhistogram.Histogram // microseconds
	ended       int
	unpaid      int
	platformCPU time.Duration
	took        time.Duration // until the last order was paid
}

func run(ctx context.Context, t *target.Target, w *watcher, progress io.Writer, rate int, duration time.Duration) (*result, error) {
	signer, err := platform.Signer(t.Data(), &t.Addresses, platform.Ports{})
	if err != nil {
		return nil, err
	}
	token, err := platform.Token(signer, "bench")
	if err != nil {
		return nil, err
	}
	client := rest.New(t.ByService["order"].REST, token)
	body := []byte(`{"userId":"bench","items":[{"productId":"p1","quantity":1}],"paymentToken":"tok_ok"}`)

	var mu sync.Mutex
	due := make(map[string]time.Time, rate*int(duration.Seconds()))
	before, err := t.CPU()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	plan := load.Plan{Rate: rate, Duration: duration, InFlight: 4096, Progress: func(sent, all int) {
		fmt.Fprintf(progress, "\rplaced %d of %d, ended %d ", sent, all, w.count())
	}}
	report := load.Run(ctx, plan, func(ctx context.Context, _ int, at time.Time) error {
		var order orderv1.Order
		if err := client.Post(ctx, "/v1/orders", body, &order); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		due[order.GetId()] = at
		return nil
	})
	if err := w.until(ctx, len(due), progress); err != nil {
		return nil, err
	}
	after, err := t.CPU()
	if err != nil {
		return nil, err
	}
	r := &result{Report: report, rate: rate, duration: duration, platformCPU: after - before, took: time.Since(started)}
	r.toPaid = hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, at := range due {
		end, ok := w.ended[id]
		if !ok {
			continue
		}
		r.ended++
		if !w.paid[id] {
			r.unpaid++
		}
		if err := r.toPaid.RecordValue(max(1, end.Sub(at).Microseconds())); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// until waits until n orders have ended, or patience is over.
func (w *watcher) until(ctx context.Context, n int, progress io.Writer) error {
	deadline := time.Now().Add(patience)
	for w.count() < n && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
			fmt.Fprintf(progress, "\rended %d of %d            ", w.count(), n)
		}
	}
	fmt.Fprintln(progress)
	return nil
}

func (r *result) print(out io.Writer) error {
	ms := func(h *hdrhistogram.Histogram, q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	stuck := r.Sent - r.Failed - r.ended
	fmt.Fprintf(out, "asked for                   %d orders/s for %s\n", r.rate, r.duration)
	fmt.Fprintf(out, "placed                      %d, failed %d\n", r.Sent-r.Failed, r.Failed)
	fmt.Fprintf(out, "ended                       %d (not paid %d), stuck %d\n", r.ended, r.unpaid, stuck)
	fmt.Fprintf(out, "POST, ms                    p50 %.1f  p90 %.1f  p99 %.1f  max %.1f\n", ms(r.Latency, 50), ms(r.Latency, 90), ms(r.Latency, 99), ms(r.Latency, 100))
	fmt.Fprintf(out, "POST to OrderPaid, ms       p50 %.1f  p90 %.1f  p99 %.1f  max %.1f\n", ms(r.toPaid, 50), ms(r.toPaid, 90), ms(r.toPaid, 99), ms(r.toPaid, 100))
	fmt.Fprintf(out, "platform CPU                %.2f ms an order, %.2f cores\n", float64(r.platformCPU.Microseconds())/1000/float64(max(1, r.ended)), r.platformCPU.Seconds()/r.took.Seconds())
	if r.FirstError != nil {
		return fmt.Errorf("%d orders failed, the first with: %w", r.Failed, r.FirstError)
	}
	if stuck > 0 {
		return fmt.Errorf("%d orders did not end", stuck)
	}
	return nil
}
