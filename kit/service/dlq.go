package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/sqldb"
)

// listLimit is how many rows an operator's list shows unless told otherwise.
const listLimit = 100

// dlq works on the messages that this service has parked. None is produced to its topic again.
func (p Program) dlq() *cobra.Command {
	root := &cobra.Command{
		Use:   "dlq",
		Short: "Look at parked messages, try them again, or give them up",
		Long: "A message that can't be handled is parked in the service's database; later ones of its key park behind it. When its attempts are\n" +
			"exhausted it is dead, and a copy is in the topic " + p.Spec.Name + ".dlq. These commands work on the parked rows, and need DATABASE_URL.",
		Example: "  " + p.Spec.Name + " dlq list\n  " + p.Spec.Name + " dlq show 7\n  " + p.Spec.Name + " dlq redrive 7",
	}
	root.AddCommand(p.dlqList(), p.dlqShow(),
		p.onRows("redrive ID...", "Try parked messages again now, with all of their attempts before them", inbox.Redrive),
		p.onRows("discard ID...", "Drop the first parked message of its key for good; what waits behind it goes on", inbox.Discard),
		p.onRows("close-gap ID...", "Give up what is missing before the first parked message of a key, and try that one", inbox.CloseGap))
	return root
}

func (p Program) dlqList() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List parked messages, the longest parked first",
		Example: "  " + p.Spec.Name + " dlq list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				parked, err := inbox.List(ctx, db, p.Spec.Name, limit)
				if err != nil {
					return err
				}
				if asJSON {
					return printEach(cmd.OutOrStdout(), parked, describeParked)
				}
				return printParked(cmd.OutOrStdout(), parked)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a message")
	cmd.Flags().IntVar(&limit, "limit", listLimit, "messages at most")
	return cmd
}

func (p Program) dlqShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a parked message with its headers and the decoded event, as JSON; needs the service's variables",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			id, err := rowID(args[0])
			if err != nil {
				return err
			}
			s, err := p.New(cmd.Context(), os.Environ())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			parked, err := inbox.Show(cmd.Context(), s.DB, id)
			if err != nil {
				return err
			}
			shown := describeParked(parked)
			shown["headers"] = parked.Headers
			shown["payload"] = parked.Payload
			if event, err := s.Codec.Decode(cmd.Context(), parked.Topic, parked.Payload); err != nil {
				shown["undecodable"] = err.Error()
			} else {
				shown["event"] = event
			}
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(shown)
		},
	}
}

func describeParked(m inbox.Parked) map[string]any {
	shown := map[string]any{
		"id": m.ID, "status": m.Status, "reason": m.Reason, "detail": m.Detail, "topic": m.Topic, "partition": m.Partition, "offset": m.Offset,
		"key": m.Key, "sequence": m.Sequence, "eventId": m.EventID, "type": m.Headers["ce_type"], "attempts": m.Attempts, "parkedAt": m.ParkedAt,
	}
	if m.NextAttemptAt != nil {
		shown["nextAttemptAt"] = *m.NextAttemptAt
	}
	return shown
}

func printParked(out io.Writer, parked []inbox.Parked) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATUS\tREASON\tTOPIC\tKEY\tSEQUENCE\tTYPE\tATTEMPTS\tPARKED AT\tDETAIL")
	for _, m := range parked {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\n", m.ID, m.Status, m.Reason, m.Topic, m.Key, m.Sequence,
			m.Headers["ce_type"], m.Attempts, m.ParkedAt.Format(time.RFC3339), strconv.Quote(m.Detail))
	}
	return table.Flush()
}

// onRows is a command that does something to rows, each in a transaction of its own.
func (p Program) onRows(use, short string, do func(ctx context.Context, tx *sqldb.Tx, id int64) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids := make([]int64, len(args))
			for i, arg := range args {
				id, err := rowID(arg)
				if err != nil {
					return err
				}
				ids[i] = id
			}
			return p.withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error {
				for _, id := range ids {
					if err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return do(ctx, tx, id) }); err != nil {
						return err
					}
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%d: done\n", id); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func rowID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("%q is no ID: want a number as the list shows it", text)
	}
	return id, nil
}

// withDatabase opens the service's database and nothing else.
func (p Program) withDatabase(ctx context.Context, do func(ctx context.Context, db *sqldb.DB) error) (err error) {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return errors.New("DATABASE_URL is required")
	}
	db, err := OpenDatabase(ctx, Config{DatabaseURL: url}, p.Spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(ctx, db)
}

// printEach prints one JSON object a line.
func printEach[T any](out io.Writer, items []T, describe func(T) map[string]any) error {
	encoder := json.NewEncoder(out)
	for _, item := range items {
		if err := encoder.Encode(describe(item)); err != nil {
			return err
		}
	}
	return nil
}
