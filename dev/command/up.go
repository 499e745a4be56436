package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/dev/demo"
	"orderflow.example/dev/platform"
)

func up(o *options) *cobra.Command {
	var reset, verbose bool
	cmd := &cobra.Command{
		Use:     "up",
		Short:   "Run the platform until Ctrl-C; what it holds is there again at the next start",
		Example: "  go run ./dev up\n  go run ./dev up --reset --data /tmp/orderflow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			if reset {
				if err := platform.Reset(o.data); err != nil {
					return err
				}
			}
			cfg := platform.Config{DataDir: o.data, Ports: o.ports(), Progress: progress(out)}
			if verbose {
				cfg.Log = os.Stderr
			}
			started := time.Now()
			p, err := platform.Start(ctx, cfg)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, p.Stop()) }()
			loaded, err := demo.Seed(ctx, p)
			if err != nil {
				return fmt.Errorf("load the catalogue: %w", err)
			}
			if loaded > 0 {
				progress(out)(fmt.Sprintf("catalogue: %d products", loaded))
			}
			fmt.Fprintf(out, "ready after %.1f s\n\n", time.Since(started).Seconds())
			if err := printGuide(out, p, o); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				fmt.Fprintln(out, "\nstopping: calls under way are answered, events that were committed are sent")
				return nil
			case <-p.Failed():
				return errors.New("a service has ended")
			}
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "empty the data folder first")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log to standard error instead of platform.log in the data folder")
	return cmd
}

func progress(out io.Writer) func(string) {
	return func(what string) { fmt.Fprintf(out, "  %s\n", what) }
}
