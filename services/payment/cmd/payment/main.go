// Command payment holds, takes and gives back the money of orders.
package main

import (
	"context"

	"orderflow.example/kit/service"
	"orderflow.example/payment/app"
)

func main() {
	service.Main(service.Program{
		Spec:      app.Spec(),
		Variables: app.Variables,
		Commands:  app.Commands(),
		ExitCode:  app.ExitCode,
		New: func(ctx context.Context, environ []string) (*service.Service, error) {
			cfg, err := service.Parse[app.Config](environ)
			if err != nil {
				return nil, err
			}
			return app.New(ctx, cfg)
		},
	})
}
