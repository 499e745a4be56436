package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

const listLimit = 100

// operationsCommand works on payments that wait for the provider, or for a person.
func operationsCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "operations",
		Short: "Look at payments that do not come to rest, and have a refused return of money asked for again",
		Long: "A provider that can't be reached is asked again by the service itself. What it refuses for good, to release the hold or to pay back the money\n" +
			"of a cancelled order, is REFUSED here and waits for a person: see to the cause, then retry. These commands need DATABASE_URL.",
		Example: "  payment operations list\n  payment operations retry 018f…",
	}
	root.AddCommand(operationsList(), operationsRetry())
	return root
}

func operationsList() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List payments with an unknown outcome, tries that failed, or a refusal, the oldest first",
		Example: "  payment operations list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := limited(limit); err != nil {
				return err
			}
			return withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				found, err := store.Restless(ctx, db, limit)
				if err != nil {
					return err
				}
				return printOperations(cmd.OutOrStdout(), found, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a payment")
	cmd.Flags().IntVar(&limit, "limit", listLimit, "payments at most")
	return cmd
}

// operation is a payment that does not come to rest, as it is shown.
type operation struct {
	OrderID   string    `json:"orderId"`
	PaymentID string    `json:"paymentId"`
	Reference string    `json:"reference"`
	Status    string    `json:"status"`
	Desired   string    `json:"desired"`
	Next      string    `json:"next"` // operation; empty when it waits for a person
	Tries     int       `json:"tries"`
	InDoubt   bool      `json:"inDoubt"`
	Refused   string    `json:"refused"` // the provider's code, when it waits for a person
	Held      int64     `json:"held"`
	Kept      int64     `json:"kept"`
	Currency  string    `json:"currency"`
	Since     time.Time `json:"since"`
}

func operationOf(p *payment.Payment) operation {
	op, _ := p.Next()
	o := operation{
		OrderID: p.OrderID, PaymentID: p.ID, Reference: p.ProviderReference, Status: string(p.Status), Desired: string(p.Desired), Next: string(op.Kind),
		Tries: p.Tries, InDoubt: p.InDoubt, Held: p.Held(), Kept: p.Kept(), Currency: p.Currency, Since: p.UpdatedAt,
	}
	if p.Stuck() {
		o.Refused = p.Refusal()
	}
	return o
}

func printOperations(out io.Writer, payments []*payment.Payment, asJSON bool) error {
	encoder := json.NewEncoder(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "ORDER\tSTATUS\tWANTED\tNEXT\tTRIES\tIN DOUBT\tREFUSED\tHELD\tKEPT\tCURRENCY\tREFERENCE\tSINCE")
	}
	for _, p := range payments {
		o := operationOf(p)
		if asJSON {
			if err := encoder.Encode(o); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%t\t%s\t%d\t%d\t%s\t%s\t%s\n", o.OrderID, o.Status, o.Desired, o.Next, o.Tries, o.InDoubt, o.Refused,
			o.Held, o.Kept, o.Currency, o.Reference, o.Since.Format(time.RFC3339))
	}
	return table.Flush()
}

func operationsRetry() *cobra.Command {
	return &cobra.Command{
		Use:     "retry ORDER...",
		Short:   "Have the provider asked again for what it refused, under a new key; for one that waits, ask now",
		Example: "  payment operations retry 018f…",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				for _, orderID := range args {
					done, err := worker.Retry(ctx, db, orderID)
					if err != nil {
						return err
					}
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", orderID, done); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
