package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"orderflow.example/dev/platform"
)

var roles = []string{"customer", "staff", "catalogue", "auditor", "service"}

func token(o *options) *cobra.Command {
	var user string
	var granted []string
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Print a token of the platform's issuer",
		Example: "  go run ./dev token --user u123\n  go run ./dev token --user s1 --role staff",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user == "" {
				return fmt.Errorf("--user is required")
			}
			for _, role := range granted {
				if !slices.Contains(roles, role) {
					return fmt.Errorf("--role %s: must be one of %s", role, strings.Join(roles, ", "))
				}
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
			text, err := platform.Token(signer, user, granted...)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "the token's subject")
	cmd.Flags().StringSliceVar(&granted, "role", nil, "may be repeated: "+strings.Join(roles, ", "))
	return cmd
}
