package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// webhooksCommand shows what providers' webhooks said.
func webhooksCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "webhooks",
		Short: "Look at what providers' webhooks said, above all at what contradicts a payment",
		Long: "A webhook moves no money: it is held against the payment, and agrees, is open, or contradicts. A contradiction is a violation of check until it\n" +
			"is dismissed. These commands need DATABASE_URL.",
		Example: "  payment webhooks list\n  payment webhooks dismiss stripe evt_1",
	}
	root.AddCommand(webhooksList(), webhooksDismiss())
	return root
}

func webhooksList() *cobra.Command {
	var asJSON bool
	var standing, order string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List webhooks, newest first",
		Example: "  payment webhooks list --standing any --order 018f… --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := limited(limit); err != nil {
				return err
			}
			which := payment.Standing(strings.ToUpper(standing))
			switch which {
			case "ANY":
				which = ""
			case payment.Open, payment.Agrees, payment.Contradicts, payment.Dismissed:
			default:
				return fmt.Errorf("--standing=%q: must be contradicts, open, agrees, dismissed or any", standing)
			}
			return withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				found, err := store.ListNotices(ctx, db, which, order, limit)
				if err != nil {
					return err
				}
				return printNotices(cmd.OutOrStdout(), found, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a webhook")
	cmd.Flags().StringVar(&standing, "standing", "contradicts", "contradicts, open, agrees, dismissed or any")
	cmd.Flags().StringVar(&order, "order", "", "only of this order")
	cmd.Flags().IntVar(&limit, "limit", listLimit, "webhooks at most")
	return cmd
}

func printNotices(out io.Writer, notices []*store.Notice, asJSON bool) error {
	encoder := json.NewEncoder(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "PROVIDER\tEVENT\tTYPE\tORDER\tREFERENCE\tAMOUNT\tCURRENCY\tSTANDING\tREASON\tRECEIVED")
	}
	for _, n := range notices {
		if !asJSON {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", n.Provider, n.EventID, n.Type, n.OrderID, n.Reference, n.Amount, n.Currency,
				n.Standing, n.Reason, n.ReceivedAt.Format(time.RFC3339))
			continue
		}
		err := encoder.Encode(map[string]any{
			"provider": n.Provider, "eventId": n.EventID, "type": n.Type, "orderId": n.OrderID, "paymentId": n.PaymentID, "reference": n.Reference, "kind": n.Kind,
			"succeeded": n.Succeeded, "amount": n.Amount, "currency": n.Currency, "refundId": n.RefundID, "standing": n.Standing, "reason": n.Reason, "receivedAt": n.ReceivedAt,
		})
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func webhooksDismiss() *cobra.Command {
	return &cobra.Command{
		Use:     "dismiss PROVIDER EVENT...",
		Short:   "Note that contradictions have been seen to",
		Example: "  payment webhooks dismiss simulator evt_1",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				for _, event := range args[1:] {
					if err := store.DismissNotice(ctx, db, args[0], event); err != nil {
						return err
					}
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: dismissed\n", event); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
