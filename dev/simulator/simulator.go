// Package simulator is a payment provider for development and tests: a small REST API with idempotency keys, durable
// money, and failures that the card token chooses. README.md beside this file describes the API.
package simulator

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
	"orderflow.example/dev/internal/journal"
)

// Config configures Start. Zero durations mean the defaults named.
type Config struct {
	Addr    string // "127.0.0.1:0" when empty
	DataDir string // holds payments.journal; created if missing
	Log     *slog.Logger

	SlowDelay   time.Duration    // how late a "slow" operation takes effect; 2 s
	HangFor     time.Duration    // how long a "timeout" call is left hanging at most; 60 s
	KeyLifetime time.Duration    // after which an idempotency key is forgotten; 24 h
	Now         func() time.Time // time.Now

	// Webhooks are sent once there is a secret (whsec_ and base64) to sign them with.
	WebhookSecret string
	WebhookURL    string        // where they go; while empty (see SetWebhookURL), they are kept
	WebhookDelay  time.Duration // after the change that they tell of; 0: at once
	WebhookRetry  time.Duration // before the second try, doubling up to a minute; 1 s
}

// Simulator is a running provider.
type Simulator struct {
	cfg     Config
	bank    *bank
	journal *journal.Journal
	hooks   *webhooks // nil: none are sent
	server  *httpd.Server

	unavailable atomic.Bool
	closing     chan struct{} // closed first at Close: ends hanging calls and slow operations
	slow        sync.WaitGroup
}

// Start loads the money of earlier runs and listens. Errors name the address or the file that is at fault.
func Start(cfg Config) (*Simulator, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("payment simulator: DataDir is required")
	}
	cfg = withDefaults(cfg)
	bank := newBank(cfg.Now, cfg.KeyLifetime)
	log, err := journal.Open(filepath.Join(cfg.DataDir, "payments.journal"), bank.replay)
	if err != nil {
		return nil, fmt.Errorf("payment simulator: %w", err)
	}
	bank.journal = log
	s := &Simulator{cfg: cfg, bank: bank, journal: log, closing: make(chan struct{})}
	if cfg.WebhookSecret != "" {
		if s.hooks, err = newWebhooks(cfg, bank.wasTold); err != nil {
			return nil, errors.Join(fmt.Errorf("payment simulator: %w", err), log.Close())
		}
		for _, e := range bank.untold {
			s.hooks.add(e, nil)
		}
		bank.tell = s.hooks.add
	}
	bank.untold = nil
	s.server, err = httpd.Start(cfg.Addr, s.handler())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("payment simulator: %w", err), log.Close())
	}
	if s.hooks != nil {
		s.hooks.run()
	}
	cfg.Log.Info("payment simulator is ready", "url", s.URL(), "payments", len(bank.order))
	return s, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.SlowDelay == 0 {
		cfg.SlowDelay = 2 * time.Second
	}
	if cfg.HangFor == 0 {
		cfg.HangFor = time.Minute
	}
	if cfg.KeyLifetime == 0 {
		cfg.KeyLifetime = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.WebhookRetry == 0 {
		cfg.WebhookRetry = time.Second
	}
	return cfg
}

// URL is the base URL of the API, without a final slash.
func (s *Simulator) URL() string { return s.server.URL() }

// SetUnavailable makes every call but /health answer 503, or ends that.
func (s *Simulator) SetUnavailable(on bool) { s.unavailable.Store(on) }

// SetWebhookURL says where webhooks go from now on.
func (s *Simulator) SetWebhookURL(url string) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.url = url
	s.hooks.signal()
}

// SetWebhookFaults lets webhooks go wrong, those that are sent from now on.
func (s *Simulator) SetWebhookFaults(faults WebhookFaults) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.faults = faults
}

// UntoldWebhooks is how many events have not been acknowledged yet, and how many forged ones were refused.
func (s *Simulator) UntoldWebhooks() (untold, forgedRefused int) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	return len(s.hooks.queue) + s.hooks.sending, s.hooks.refused
}

// Payments returns a copy of all payments in order of creation.
func (s *Simulator) Payments() []Payment {
	all, _, _ := s.bank.list("", "", time.Time{}, 0)
	return all
}

// Close answers the calls under way and closes the journal. Slow operations that have not taken effect never will.
func (s *Simulator) Close() error {
	close(s.closing)
	err := s.server.Close()
	s.slow.Wait()
	if s.hooks != nil {
		s.hooks.close()
	}
	return errors.Join(err, s.journal.Close())
}

// cut ends the connection so that the client gets no answer, and does not return.
// A few bytes go out first: on a connection that is closed with none, Go's HTTP client silently repeats a call that has an
// Idempotency-Key, and would never see the loss.
func (s *Simulator) cut(w http.ResponseWriter, r *http.Request, reason string) {
	s.cfg.Log.Debug("payment simulator cuts a connection", "reason", reason, "path", r.URL.Path)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = buffered.WriteString("HTTP/") // whether these bytes arrive changes nothing for the money
		_ = buffered.Flush()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
