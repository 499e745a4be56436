// Command payment holds, takes and gives back the money of orders.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"orderflow.example/kit/service"
	"orderflow.example/payment/app"
)

// main is service.Main, but for the exit codes.
func main() {
	program := service.Program{
		Spec:      app.Spec(),
		Variables: app.Variables,
		Commands:  app.Commands(),
		New: func(ctx context.Context, environ []string) (*service.Service, error) {
			cfg, err := service.Parse[app.Config](environ)
			if err != nil {
				return nil, err
			}
			return app.New(ctx, cfg)
		},
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := program.Command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program.Spec.Name, err)
		os.Exit(app.ExitCode(err))
	}
}
