package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/service"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/reconcile"
)

// Commands are those that only this service has.
func Commands() []*cobra.Command {
	return []*cobra.Command{reconcileCommand(), operationsCommand(), webhooksCommand()}
}

// errNotCompared is a reconciliation that the provider did not let come to its end: nothing is said of what may differ.
var errNotCompared = errors.New("the provider's books can't be read")

// exitNotCompared tells a reconciliation that could not be made apart from one that found something.
const exitNotCompared = 2

// ExitCode is the exit code of a command that ended with err.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNotCompared):
		return exitNotCompared
	}
	return 1
}

func reconcileCommand() *cobra.Command {
	var asJSON bool
	var since string
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Hold payments and ledger against the provider's books; exits with 1 when they differ, with 2 when its books can't be read",
		Long: "Hold payments and ledger against the provider's books, and print each difference. Nothing is changed on either side. It may run beside\n" +
			"the service: what an operation under way is about to change is counted as in flight, for 15 min. It needs the\n" +
			"variables of serve.\n\nExit codes: 0 nothing differs, 1 something differs or the command itself failed, 2 the provider can't be reached or refuses to show its books.",
		Example: "  payment reconcile --since 24h\n  payment reconcile --since 2026-11-01T00:00:00Z --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			from, err := instant(since, time.Now())
			if err != nil {
				return err
			}
			cfg, err := service.Parse[Config](os.Environ())
			if err != nil {
				return err
			}
			return Reconcile(cmd.Context(), cfg, from, func(line any) error { return printDifference(cmd, asJSON, line) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a difference, and one for the summary")
	cmd.Flags().StringVar(&since, "since", "", "only payments made since then: a duration such as 24h, or a time as in RFC 3339; all when empty")
	return cmd
}

// instant reads a duration before now, or a time; its zero time for none.
func instant(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return at, fmt.Errorf("--since=%q: must be a duration such as 24h, or a time such as 2026-11-01T00:00:00Z", text)
	case at.After(now):
		return at, fmt.Errorf("--since=%q: must not be in the future", text)
	}
	return at, nil
}

// limited says what is wrong with a --limit.
func limited(limit int) error {
	if limit < 1 {
		return fmt.Errorf("--limit=%d: must be at least 1", limit)
	}
	return nil
}

// Reconcile holds the payments made since an instant against the provider's books. tell gets each reconcile.Difference, and
// at the end the reconcile.Summary. It is an error that something differs.
func Reconcile(ctx context.Context, cfg Config, since time.Time, tell func(line any) error) (err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return err
	}
	db, err := service.OpenDatabase(ctx, cfg.Config, Spec())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	books, err := newClient(cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	if err != nil {
		return err
	}
	defer books.Close()
	summary, err := reconcile.Run(ctx, db, books, since, func(d reconcile.Difference) error { return tell(d) })
	var failed *provider.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("%w: %w", errNotCompared, err)
	}
	if err != nil {
		return err
	}
	if err := tell(summary); err != nil {
		return err
	}
	if summary.Differences > 0 {
		return fmt.Errorf("%d differences", summary.Differences)
	}
	return nil
}

func printDifference(cmd *cobra.Command, asJSON bool, line any) error {
	out := cmd.OutOrStdout()
	if asJSON {
		if summary, ok := line.(reconcile.Summary); ok {
			line = map[string]any{"summary": summary}
		}
		return json.NewEncoder(out).Encode(line)
	}
	var err error
	switch l := line.(type) {
	case reconcile.Difference:
		_, err = fmt.Fprintf(out, "%-17s order %s payment %s provider's %s: ours %q, theirs %q %s\n", l.Kind, l.OrderID, l.PaymentID, l.Reference, l.Ours, l.Theirs, l.Currency)
	case reconcile.Summary:
		_, err = fmt.Fprintf(out, "%d compared, %d differences, %d in flight, %d held by another provider, %d at the provider that are not ours\n",
			l.Compared, l.Differences, l.InFlight, l.Elsewhere, l.Foreign)
	}
	return err
}

// withDatabase opens the service's database and nothing else.
func withDatabase(ctx context.Context, do func(ctx context.Context, db *sqldb.DB) error) (err error) {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return errors.New("DATABASE_URL is required")
	}
	db, err := service.OpenDatabase(ctx, service.Config{DatabaseURL: url}, Spec())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(ctx, db)
}
