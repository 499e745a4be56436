package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"

	"orderflow.example/dev/broker"
	"orderflow.example/dev/issuer"
	"orderflow.example/dev/mailsink"
	"orderflow.example/dev/registry"
	"orderflow.example/dev/simulator"
	"orderflow.example/dev/webhooksink"
	"orderflow.example/schemas"
)

// Partitions of each topic in development; production has more (schemas.Topics).
const Partitions = 3

// Infrastructure is everything that the services need, embedded.
type Infrastructure struct {
	Broker   *broker.Broker
	Registry *registry.Registry
	Issuer   *issuer.Issuer
	Provider *simulator.Simulator
	Mails    *mailsink.Sink
	Webhooks *webhooksink.Sink

	stop []io.Closer // in the order of the start
}

// startInfrastructure starts all parts; when one fails, those that run are closed again.
func startInfrastructure(ctx context.Context, cfg Config, log *slog.Logger) (_ *Infrastructure, err error) {
	i := &Infrastructure{}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.closeAll())
		}
	}()
	dir := func(name string) string { return filepath.Join(cfg.DataDir, name) }
	cfg.Progress("broker")
	if i.Broker, err = broker.Start(ctx, broker.Config{Addr: loopback(cfg.Ports.Kafka), DataDir: dir("broker"), Topics: topics(), Log: log}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Broker)
	cfg.Progress("schema registry")
	if i.Registry, err = registry.Start(registry.Config{Addr: loopback(cfg.Ports.Registry), DataDir: dir("registry"), Log: log}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Registry)
	cfg.Progress("token issuer")
	if i.Issuer, err = issuer.Start(issuer.Config{Addr: loopback(cfg.Ports.Issuer), DataDir: dir("issuer"), Log: log}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Issuer)
	cfg.Progress("payment provider")
	if i.Provider, err = simulator.Start(simulator.Config{
		Addr: loopback(cfg.Ports.Provider), DataDir: dir("provider"), Log: log, WebhookSecret: providerSecret, WebhookDelay: webhookDelay,
	}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Provider)
	cfg.Progress("mail and webhook sinks")
	if i.Mails, err = mailsink.Start(mailsink.Config{Addr: loopback(cfg.Ports.SMTP), HTTPAddr: loopback(cfg.Ports.Mails), DataDir: dir("mails"), Log: log}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Mails)
	if i.Webhooks, err = webhooksink.Start(webhooksink.Config{Addr: loopback(cfg.Ports.Webhooks), DataDir: dir("webhooks"), Log: log}); err != nil {
		return nil, err
	}
	i.stop = append(i.stop, i.Webhooks)
	return i, nil
}

// closeAll ends all parts, the last started first.
func (i *Infrastructure) closeAll() error {
	var failures []error
	for n := len(i.stop) - 1; n >= 0; n-- {
		failures = append(failures, i.stop[n].Close())
	}
	i.stop = nil
	return errors.Join(failures...)
}

func topics() []broker.Topic {
	var all []broker.Topic
	for _, t := range schemas.Topics {
		all = append(all, broker.Topic{Name: t.Name, Partitions: Partitions, Compacted: t.Compacted})
	}
	for _, name := range Services {
		all = append(all, broker.Topic{Name: schemas.DeadLetter(name).Name, Partitions: schemas.DeadLetter(name).Partitions})
	}
	return all
}

// portsFree fails at once, in one line, when a port that the platform needs is taken.
func portsFree(ctx context.Context, p Ports) error {
	var config net.ListenConfig
	named := map[string]int{
		"the broker": p.Kafka, "the schema registry": p.Registry, "the token issuer": p.Issuer, "the payment provider": p.Provider,
		"SMTP": p.SMTP, "the list of mails": p.Mails, "webhooks": p.Webhooks,
	}
	for n, name := range Services {
		named["REST of "+name], named["gRPC of "+name], named["admin of "+name] = p.REST[n], p.GRPC[n], p.Admin[n]
	}
	for what, port := range named {
		if port == 0 {
			continue
		}
		listener, err := config.Listen(ctx, "tcp", loopback(port))
		if err != nil {
			return fmt.Errorf("port %d, for %s, is in use: free it, or move all ports with --port-offset N", port, what)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}
