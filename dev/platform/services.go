package platform

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"

	inventory "orderflow.example/inventory/app"
	"orderflow.example/kit/service"
	notifier "orderflow.example/notifier/app"
	order "orderflow.example/order/app"
	payment "orderflow.example/payment/app"
)

// Audience is what tokens for the platform are made for.
const Audience = "orderflow"

// webhookSecret signs webhooks to the platform's own sink.
const webhookSecret = "whsec_b3JkZXJmbG93IGRldmVsb3BtZW50IHNlY3JldA=="

// environment is what one service would read on a machine of its own.
func environment(cfg Config, i *Infrastructure, index int) map[string]string {
	name := Services[index]
	variables := map[string]string{
		"ENVIRONMENT":             "development",
		"DATABASE_URL":            "sqlite:" + filepath.Join(cfg.DataDir, name+".db"),
		"DATABASE_MIGRATE":        "true",
		"KAFKA_BOOTSTRAP_SERVERS": i.Broker.Addr(),
		"SCHEMA_REGISTRY_URL":     i.Registry.URL(),
		"SCHEMA_REGISTER":         "true",
		"HTTP_ADDR":               loopback(cfg.Ports.REST[index]),
		"GRPC_ADDR":               loopback(cfg.Ports.GRPC[index]),
		"ADMIN_ADDR":              loopback(cfg.Ports.Admin[index]),
		"AUTH_ISSUER":             i.Issuer.URL(),
		"AUTH_AUDIENCE":           Audience,
		"LOG_LEVEL":               cfg.LogLevel,
		"PAYMENT_TOKEN_REQUIRED":  "false",
		"PAYMENT_PROVIDER_URL":    i.Provider.URL(),
		// All share a laptop's cores: what runs side by side takes them from the one writer of the orders' database.
		"PAYMENT_PROVIDER_CONCURRENCY": "128",
		"DELIVERY_CONCURRENCY":         "8",
		// Everything on a laptop comes from one address, and the demo and the load tests place thousands of orders in few names: the address
		// is not limited, and a user far above what one machine serves, so that the way through the limits is the same as elsewhere.
		"RATE_LIMIT_ADDRESS":    "0",
		"RATE_LIMIT_USER":       "20000",
		"RATE_LIMIT_USER_BURST": "20000",
		"SMTP_ADDR":             i.Mails.Addr(),
		"SMTP_TLS":              "none",
		"WEBHOOK_URL":           i.Webhooks.URL() + "/orders",
		"WEBHOOK_SECRET":        webhookSecret,
	}
	maps.Copy(variables, cfg.Variables)
	return variables
}

// newService wires a service as its own binary would, from its variables.
func newService(ctx context.Context, name string, variables map[string]string, log io.Writer) (*service.Service, error) {
	environ := make([]string, 0, len(variables))
	for k, v := range variables {
		environ = append(environ, k+"="+v)
	}
	s, err := wire(ctx, name, environ, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func wire(ctx context.Context, name string, environ []string, log io.Writer) (*service.Service, error) {
	switch name {
	case "order":
		cfg, err := service.Parse[order.Config](environ)
		if err != nil {
			return nil, err
		}
		cfg.Telemetry.Output = log
		return order.New(ctx, cfg)
	case "inventory":
		cfg, err := service.Parse[inventory.Config](environ)
		if err != nil {
			return nil, err
		}
		cfg.Telemetry.Output = log
		return inventory.New(ctx, cfg)
	case "payment":
		cfg, err := service.Parse[payment.Config](environ)
		if err != nil {
			return nil, err
		}
		cfg.Telemetry.Output = log
		return payment.New(ctx, cfg)
	case "notifier":
		cfg, err := service.Parse[notifier.Config](environ)
		if err != nil {
			return nil, err
		}
		cfg.Telemetry.Output = log
		return notifier.New(ctx, cfg)
	}
	return nil, fmt.Errorf("there is no service %q", name)
}
