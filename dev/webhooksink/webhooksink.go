// Package webhooksink is an HTTP server for development and tests that takes webhooks on every path, keeps them for people and
// tests to look at, and refuses some, by the path.
package webhooksink

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"orderflow.example/dev/internal/httpd"
	"orderflow.example/dev/internal/received"
)

const maxBody = 1 << 20 // bytes

// Config configures Start.
type Config struct {
	Addr      string        // "127.0.0.1:0" when empty
	DataDir   string        // holds webhooks.journal; created if missing
	Limit     int           // webhooks kept in memory; received.DefaultLimit when 0
	SlowDelay time.Duration // how long /slow… takes to answer; 2 s when 0
	Log       *slog.Logger
}

// Webhook is a call as it was received.
type Webhook struct {
	ReceivedAt time.Time   `json:"received_at"`
	Method     string      `json:"method"`
	Path       string      `json:"path"`
	Query      string      `json:"query,omitempty"`
	Headers    http.Header `json:"headers"`
	Body       string      `json:"body"`
}

// Header is the first value of a header, whatever the case of its name; empty when there is none.
func (h Webhook) Header(name string) string { return h.Headers.Get(name) }

// Sink is a running server. Wait, All and Count look at the webhooks it kept.
type Sink struct {
	*received.Box[Webhook]
	server  *httpd.Server
	slow    time.Duration
	closing chan struct{}
	refused atomic.Int64
	down    atomic.Bool

	mu    sync.Mutex
	tried map[string]bool // calls that failed once
}

// Start reads the webhooks of earlier runs back and listens. Errors name the address or the file that is at fault.
func Start(cfg Config) (*Sink, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("webhook sink: DataDir is required")
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.SlowDelay == 0 {
		cfg.SlowDelay = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	box, err := received.Open[Webhook](filepath.Join(cfg.DataDir, "webhooks.journal"), cfg.Limit)
	if err != nil {
		return nil, fmt.Errorf("webhook sink: %w", err)
	}
	s := &Sink{Box: box, slow: cfg.SlowDelay, closing: make(chan struct{}), tried: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages", s.List)
	mux.HandleFunc("POST /", s.receive)
	mux.HandleFunc("PUT /", s.receive)
	s.server, err = httpd.Start(cfg.Addr, mux)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("webhook sink: %w", err), box.Close())
	}
	cfg.Log.Info("webhook sink is ready", "url", s.URL(), "webhooks", s.URL()+"/messages")
	return s, nil
}

// URL is the base URL, without a final slash: webhooks go to any path below it, GET /messages?limit= lists them.
func (s *Sink) URL() string { return s.server.URL() }

// Refused is the number of calls that were refused in this run.
func (s *Sink) Refused() int { return int(s.refused.Load()) }

// SetUnavailable makes the server refuse every webhook for now (503), or ends that.
func (s *Sink) SetUnavailable(on bool) { s.down.Store(on) }

// Close answers the calls under way and closes the file.
func (s *Sink) Close() error {
	close(s.closing)
	return errors.Join(s.server.Close(), s.Box.Close())
}
