package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/dev/catalogue"
	"orderflow.example/dev/demo"
	"orderflow.example/dev/platform"
)

func demoCommand(o *options) *cobra.Command {
	var products, orders string
	var reset bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Place orders from files and follow each to its end and its notification",
		Long: `Place orders from files, follow each to its end and its notification, and check the invariants. It starts the
platform, or uses the one that runs on the data folder. The last line of the output is the summary; the exit code is 1
when an order is stuck or an invariant is broken. The built-in files are in dev/catalogue.`,
		Example: "  go run ./dev demo\n  go run ./dev demo --products shop.csv --orders day.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if patience <= 0 {
				return fmt.Errorf("--patience %s: must be above 0", patience)
			}
			input, err := readInput(products, orders)
			if err != nil {
				return err
			}
			if reset {
				if err := platform.Reset(o.data); err != nil {
					return err
				}
			}
			return runDemo(cmd.Context(), cmd.OutOrStdout(), o, input, patience)
		},
	}
	cmd.Flags().StringVar(&products, "products", "", "CSV file of products (default: the built-in one)")
	cmd.Flags().StringVar(&orders, "orders", "", "JSON Lines file of orders (default: the built-in one)")
	cmd.Flags().BoolVar(&reset, "reset", false, "empty the data folder first")
	cmd.Flags().DurationVar(&patience, "patience", 2*time.Minute, "how long to follow the orders before those that are left count as stuck")
	return cmd
}

func runDemo(ctx context.Context, out io.Writer, o *options, input demo.Input, patience time.Duration) (err error) {
	target, end, err := demoTarget(ctx, out, o)
	if err != nil {
		return err
	}
	summary, err := demo.Run(ctx, out, target, input, patience)
	if err = errors.Join(err, end()); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", summary)
	return summary.Err()
}

// demoTarget is the platform that runs on the data folder, or one that it starts. end closes what it opened.
func demoTarget(ctx context.Context, out io.Writer, o *options) (target demo.Target, end func() error, err error) {
	running, err := platform.Find(o.data)
	if err != nil {
		return target, nil, err
	}
	if running == nil {
		p, err := platform.Start(ctx, platform.Config{DataDir: o.data, Ports: o.ports(), Progress: progress(out)})
		if err != nil {
			return target, nil, err
		}
		return demo.Target{Addresses: p.Addresses, Signer: p.Issuer.Signer, Services: p.Services}, p.Stop, nil
	}
	fmt.Fprintf(out, "using the platform that runs on %s\n", o.data)
	signer, err := platform.Signer(o.data, running, o.ports())
	if err != nil {
		return target, nil, err
	}
	opened, err := platform.Open(ctx, o.data)
	if err != nil {
		return target, nil, err
	}
	return demo.Target{Addresses: *running, Signer: signer, Services: opened.Services}, opened.Close, nil
}

// readInput reads both files whole before anything is started. A flag that is not given means the built-in file.
func readInput(products, orders string) (in demo.Input, err error) {
	if in.Products, err = read(products, catalogue.ProductsCSV, catalogue.ReadProducts); err != nil {
		return in, err
	}
	in.Orders, err = read(orders, catalogue.OrdersJSONL, catalogue.ReadOrders)
	return in, err
}

func read[T any](path, builtIn string, parse func(io.Reader) (T, error)) (T, error) {
	if path == "" {
		return parse(strings.NewReader(builtIn))
	}
	file, err := os.Open(path)
	if err != nil {
		var none T
		return none, err
	}
	defer file.Close()
	found, err := parse(file)
	if err != nil {
		return found, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}
