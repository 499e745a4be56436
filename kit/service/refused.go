package service

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// outbox works on the events that the broker has refused for good.
func (p Program) outbox() *cobra.Command {
	root := &cobra.Command{
		Use:   "outbox",
		Short: "Look at events that the broker refuses, and send them again",
		Long: "An event that the broker refuses for good, such as one larger than the topic takes, stays in the outbox and holds back the later\n" +
			"events of its key. Once the broker has been changed, retry it. These commands need DATABASE_URL.",
		Example: "  " + p.Spec.Name + " outbox list\n  " + p.Spec.Name + " outbox retry 12",
	}
	root.AddCommand(p.outboxList(), p.onRows("retry ID...", "Have refused events sent again", outbox.LiftRefusal))
	return root
}

func (p Program) outboxList() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List refused events in the order of sending",
		Example: "  " + p.Spec.Name + " outbox list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				refused, err := outbox.Refused(ctx, db, limit)
				if err != nil {
					return err
				}
				if asJSON {
					return printEach(cmd.OutOrStdout(), refused, describeRefused)
				}
				return printRefused(cmd.OutOrStdout(), refused)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object an event")
	cmd.Flags().IntVar(&limit, "limit", listLimit, "events at most")
	return cmd
}

func describeRefused(r outbox.Row) map[string]any {
	return map[string]any{
		"id": r.ID, "eventId": r.EventID, "topic": r.Topic, "key": r.Key, "sequence": r.Sequence, "type": r.Type, "time": r.Time,
		"bytes": len(r.Payload), "refused": r.Refused,
	}
}

func printRefused(out io.Writer, refused []outbox.Row) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTOPIC\tKEY\tSEQUENCE\tTYPE\tTIME\tBYTES\tREFUSED")
	for _, r := range refused {
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\t%d\t%s\n", r.ID, r.Topic, r.Key, r.Sequence, r.Type, r.Time.Format(time.RFC3339),
			len(r.Payload), strconv.Quote(r.Refused))
	}
	return table.Flush()
}
