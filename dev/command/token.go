package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"orderflow.example/dev/platform"
)

var roles = []string{"customer", "staff", "catalogue", "auditor", "service"}

func token(o *options) *cobra.Command {
	var user string
	var granted []string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Print a token of the platform's issuer",
		Example: "  go run ./dev token --user u123\n  go run ./dev token --user s1 --role staff --role catalogue\n  go run ./dev token --user u123 --ttl 1m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkToken(user, granted, ttl); err != nil {
				return err
			}
			if err := mustBePlatform(o.data); err != nil {
				return err
			}
			running, err := platform.Find(o.data)
			if err != nil {
				return err
			}
			signer, err := platform.Signer(o.data, running, o.ports())
			if err != nil {
				return err
			}
			text, err := platform.TokenFor(signer, ttl, user, granted...)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "the token's subject")
	cmd.Flags().StringSliceVar(&granted, "role", nil, "may be repeated: "+strings.Join(roles, ", "))
	cmd.Flags().DurationVar(&ttl, "ttl", platform.TokenLifetime, "how long it counts, as 30s, 15m or 12h")
	return cmd
}

// longestUser is the longest user id that an order takes.
const longestUser = 255

func checkToken(user string, granted []string, ttl time.Duration) error {
	switch {
	case strings.TrimSpace(user) == "":
		return errors.New("--user is required: whom the token speaks for, as --user u123")
	case utf8.RuneCountInString(user) > longestUser || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl):
		return fmt.Errorf("--user %q: must be 1 to %d characters without control characters", user, longestUser)
	case ttl < time.Second:
		return fmt.Errorf("--ttl %s: must be 1s or more", ttl)
	}
	for _, role := range granted {
		if !slices.Contains(roles, role) {
			return fmt.Errorf("--role %q: must be one of %s", role, strings.Join(roles, ", "))
		}
	}
	return nil
}
