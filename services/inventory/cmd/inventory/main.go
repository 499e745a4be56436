// Command inventory keeps products and their stock.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"orderflow.example/inventory/app"
	"orderflow.example/kit/service"
)

func main() {
	service.Main(service.Program{
		Spec:      app.Spec(),
		Variables: app.Variables,
		New:       open,
		Commands:  []*cobra.Command{republish()},
	})
}

func open(ctx context.Context, environ []string) (*service.Service, error) {
	cfg, err := service.Parse[app.Config](environ)
	if err != nil {
		return nil, err
	}
	return app.New(ctx, cfg)
}

func republish() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "republish",
		Short: "Queue every product's current state for product.events again",
		Long: "Queue every product's current state for product.events again, under the version that it has, for a consumer\n" +
			"that lost its own copy. Consumers that have the version pass over it. A running service sends what is queued.",
		Example: "  DATABASE_URL=postgres://… SCHEMA_REGISTRY_URL=http://127.0.0.1:8085 inventory republish --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := open(cmd.Context(), os.Environ())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			count, err := app.Republish(cmd.Context(), s)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]int{"products": count})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d products are queued for product.events\n", count)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
