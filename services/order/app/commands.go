package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

// Commands are those that only this service has.
func Commands() []*cobra.Command { return []*cobra.Command{summaryCommand()} }

func summaryCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "summary",
		Short:   "Count the figures of orders anew",
		Example: "  order summary rebuild",
	}
	root.AddCommand(summaryRebuild())
	return root
}

func summaryRebuild() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Fill the summary of orders anew from the orders themselves",
		Long: "Fill the summary of orders anew from the orders themselves, when `order check` says that it is not theirs. It may run beside the service:\n" +
			"changes of orders wait until it is done, or it for them. It needs DATABASE_URL.",
		Example: "  DATABASE_URL=postgres://… order summary rebuild --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := rebuildSummary(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]int64{"rows": rows})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the summary of orders is filled anew: %d rows, one for each customer, currency and day\n", rows)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func rebuildSummary(ctx context.Context) (rows int64, err error) {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return 0, errors.New("DATABASE_URL is required")
	}
	db, err := service.OpenDatabase(ctx, service.Config{DatabaseURL: url}, Spec())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		rows, err = store.RebuildSummary(ctx, tx)
		return err
	})
	return rows, err
}
