package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"orderflow.example/kit/service"
)

// Platform is a running platform.
type Platform struct {
	*Infrastructure
	Addresses Addresses
	Services  map[string]*service.Service

	cfg      Config
	lock     *flock.Flock
	log      io.Closer // nil: not ours
	cancel   context.CancelFunc
	services *errgroup.Group
	failed   chan struct{} // closed when a service has ended
}

// Start starts everything and returns once orders can be placed. Stop ends it. What is wrong with the data directory
// or a port is one clear error, and nothing is left running.
func Start(ctx context.Context, cfg Config) (_ *Platform, err error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.LogLevel == "" {
		cfg.LogLevel = "info"
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	p := &Platform{cfg: cfg, Services: make(map[string]*service.Service), failed: make(chan struct{})}
	if p.lock, err = lock(cfg.DataDir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.release())
		}
	}()
	if err := os.Remove(filepath.Join(cfg.DataDir, addressFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("forget the last addresses: %w", err)
	}
	if err := portsFree(ctx, cfg.Ports); err != nil {
		return nil, err
	}
	if err := p.openLog(); err != nil {
		return nil, err
	}
	infrastructureLog := slog.New(slog.NewJSONHandler(p.cfg.Log, nil)).With("service", "dev")
	if p.Infrastructure, err = startInfrastructure(ctx, cfg, infrastructureLog); err != nil {
		return nil, err
	}
	if err := p.startServices(ctx); err != nil {
		return nil, err
	}
	p.Addresses = p.addresses()
	p.Provider.SetWebhookURL("http://" + p.Addresses.ByService["payment"].REST + "/v1/providers/simulator/webhooks")
	return p, p.Addresses.write(cfg.DataDir)
}

func (p *Platform) openLog() error {
	if p.cfg.Log != nil {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(p.cfg.DataDir, "platform.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	p.cfg.Log, p.log = file, file
	return nil
}

// startServices wires all four, runs them, and waits until each is ready.
func (p *Platform) startServices(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	for index, name := range Services {
		p.cfg.Progress(name)
		s, err := newService(ctx, name, environment(p.cfg, p.Infrastructure, index), p.cfg.Log)
		if err != nil {
			return errors.Join(err, p.closeServices())
		}
		p.Services[name] = s
	}
	p.services, running = errgroup.WithContext(running)
	for _, name := range Services {
		p.services.Go(func() error {
			if err := p.Services[name].Run(running); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	go func() {
		<-running.Done()
		close(p.failed)
	}()
	p.cfg.Progress("waiting until all are ready")
	for _, name := range Services {
		select {
		case <-p.Services[name].Ready():
		case <-p.failed:
			return p.services.Wait()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// closeServices frees those that were wired and are not run.
func (p *Platform) closeServices() error {
	var failures []error
	for _, s := range p.Services {
		failures = append(failures, s.Close())
	}
	return errors.Join(failures...)
}

func (p *Platform) addresses() Addresses {
	a := Addresses{
		PID: os.Getpid(), Kafka: p.Broker.Addr(), Registry: p.Registry.URL(), Issuer: p.Issuer.URL(), Provider: p.Provider.URL(),
		SMTP: p.Mails.Addr(), Mails: p.Mails.URL(), Webhooks: p.Webhooks.URL(), ByService: make(map[string]ServiceAddresses),
	}
	for name, s := range p.Services {
		rest, grpc, admin := s.Server().Addrs()
		a.ByService[name] = ServiceAddresses{REST: rest, GRPC: grpc, Admin: admin}
	}
	return a
}

// Failed is closed when a service has ended by itself; Stop then tells why.
func (p *Platform) Failed() <-chan struct{} { return p.failed }

// Stop drains the services, then ends the rest.
func (p *Platform) Stop() error { return p.release() }

// drainLimit bounds the whole stop: every service has its own, shorter, limits.
const drainLimit = 90 * time.Second

func (p *Platform) release() error {
	var failures []error
	if p.cancel != nil {
		p.cancel()
	}
	if p.services != nil {
		failures = append(failures, waitFor(p.services.Wait, drainLimit))
	}
	if p.Infrastructure != nil {
		failures = append(failures, p.closeAll())
	}
	if p.log != nil {
		failures = append(failures, p.log.Close())
	}
	if err := os.Remove(filepath.Join(p.cfg.DataDir, addressFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		failures = append(failures, err)
	}
	return errors.Join(append(failures, p.lock.Close())...)
}

func waitFor(wait func() error, limit time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("the services did not stop within %s", limit)
	}
}
