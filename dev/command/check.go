package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/dev/check"
	"orderflow.example/dev/platform"
)

func checkCommand(o *options) *cobra.Command {
	var patience time.Duration
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Verify the invariants of a running or stopped platform; exits with 1 when one is broken",
		Example: "  go run ./dev check\n  go run ./dev check --data DIR --wait 1m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			opened, err := platform.Open(cmd.Context(), o.data)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, opened.Close()) }()
			if !opened.Running {
				patience = 0 // nothing moves
			}
			results, err := check.Quiet(cmd.Context(), opened.Services, patience)
			if err != nil {
				return err
			}
			if err := check.Print(cmd.OutOrStdout(), results); err != nil {
				return err
			}
			if n := check.Violations(results); n > 0 {
				return fmt.Errorf("%d violations", n)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&patience, "wait", 10*time.Second, "how long to wait, on a running platform, for orders on their way to come to rest")
	return cmd
}
