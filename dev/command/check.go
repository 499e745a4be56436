package command

import (
	"context"
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
			if err := mustBeReadable(cmd.Context(), o.data); err != nil {
				return err
			}
			opened, err := platform.Open(cmd.Context(), o.data)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, opened.Close()) }()
			results, err := look(cmd, opened, patience)
			if err != nil {
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

// mustBeReadable refuses, before anything is written, a folder that has nothing to be checked.
func mustBeReadable(ctx context.Context, dir string) error {
	if err := mustBePlatform(dir); err != nil {
		return err
	}
	running, err := platform.Find(dir)
	if err != nil || running != nil {
		return err
	}
	return mustHoldData(ctx, dir)
}

// look runs the checks and prints what they found.
func look(cmd *cobra.Command, opened *platform.Opened, patience time.Duration) ([]check.Result, error) {
	if opened.Running {
		results, err := check.Quiet(cmd.Context(), opened.Services, patience)
		if err != nil {
			return nil, err
		}
		return results, check.Print(cmd.OutOrStdout(), results)
	}
	results, underWay, err := check.Stopped(cmd.Context(), opened.Services)
	if err != nil {
		return nil, err
	}
	if err := check.Print(cmd.OutOrStdout(), results); err != nil || underWay == 0 {
		return results, err
	}
	return results, check.PrintUnderWay(cmd.OutOrStdout(), underWay)
}
