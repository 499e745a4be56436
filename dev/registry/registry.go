// Package registry is an embedded Schema Registry for Avro: the part of the Confluent API that clients use, with a real
// compatibility check and ids that survive restarts.
package registry

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"orderflow.example/dev/internal/httpd"
	"orderflow.example/dev/internal/journal"
)

// Config configures Start.
type Config struct {
	Addr    string // "127.0.0.1:0" when empty
	DataDir string // holds registry.journal; created if missing
	Log     *slog.Logger
}

// Registry is a running registry.
type Registry struct {
	store  *store
	server *httpd.Server
}

// Start loads what was registered before and listens. Errors name the address or the file that is at fault.
func Start(cfg Config) (*Registry, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("schema registry: DataDir is required")
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	store := newStore()
	log, err := journal.Open(filepath.Join(cfg.DataDir, "registry.journal"), store.replay)
	if err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	store.journal = log
	server, err := httpd.Start(cfg.Addr, handler(store))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("schema registry: %w", err), log.Close())
	}
	cfg.Log.Info("schema registry is ready", "url", server.URL(), "schemas", len(store.byID))
	return &Registry{store: store, server: server}, nil
}

// URL is the base URL, without a final slash.
func (r *Registry) URL() string { return r.server.URL() }

// Close answers the calls under way and closes the file.
func (r *Registry) Close() error {
	return errors.Join(r.server.Close(), r.store.journal.Close())
}
