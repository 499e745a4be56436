package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"orderflow.example/dev/registry"
	"orderflow.example/kit/service"
)

// Opened is the data of a platform, running or not, opened to be looked at.
type Opened struct {
	Services map[string]*service.Service
	Running  bool

	registry *registry.Registry // ours when no platform runs
	stopped  io.Closer          // the lock, when no platform runs
}

// Open wires the services of a data directory without running them. When no platform runs on it, it is locked and its
// registry started, because events can't be read without.
func Open(ctx context.Context, dataDir string) (_ *Opened, err error) {
	if _, err := os.Stat(filepath.Join(dataDir, MarkFile)); err != nil {
		return nil, fmt.Errorf("%s holds no Orderflow data: run `go run ./dev up` or `go run ./dev demo` first", dataDir)
	}
	running, err := Find(dataDir)
	if err != nil {
		return nil, err
	}
	o := &Opened{Services: make(map[string]*service.Service), Running: running != nil}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	registryURL := ""
	if running != nil {
		registryURL = running.Registry
	} else {
		if o.stopped, err = lock(dataDir); err != nil {
			return nil, err
		}
		quiet := slog.New(slog.DiscardHandler)
		if o.registry, err = registry.Start(registry.Config{DataDir: filepath.Join(dataDir, "registry"), Log: quiet}); err != nil {
			return nil, err
		}
		registryURL = o.registry.URL()
	}
	for _, name := range Services {
		if o.Services[name], err = newService(ctx, name, reading(dataDir, name, registryURL), io.Discard); err != nil {
			delete(o.Services, name)
			return nil, err
		}
	}
	return o, nil
}

// reading is the environment of a service that is wired and never run: what it would call is never reached.
func reading(dataDir, name, registryURL string) map[string]string {
	return map[string]string{
		"DATABASE_URL":            "sqlite:" + filepath.Join(dataDir, name+".db"),
		"KAFKA_BOOTSTRAP_SERVERS": loopback(1),
		"SCHEMA_REGISTRY_URL":     registryURL,
		"AUTH_MODE":               "none",
		"PAYMENT_PROVIDER_URL":    "http://" + loopback(1),
		"SMTP_ADDR":               loopback(1),
		"WEBHOOK_URL":             "http://" + loopback(1),
		"WEBHOOK_SECRET":          webhookSecret,
	}
}

// Close frees everything.
func (o *Opened) Close() error {
	var failures []error
	for _, s := range o.Services {
		failures = append(failures, s.Close())
	}
	if o.registry != nil {
		failures = append(failures, o.registry.Close())
	}
	if o.stopped != nil {
		failures = append(failures, o.stopped.Close())
	}
	return errors.Join(failures...)
}
