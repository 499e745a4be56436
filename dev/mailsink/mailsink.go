// Package mailsink is an SMTP server for development and tests that delivers nothing: it keeps every mail for people and tests
// to look at, and refuses some, by the recipient's name.
package mailsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"orderflow.example/dev/internal/httpd"
	"orderflow.example/dev/internal/received"
)

const (
	maxMessage = 10 << 20 // bytes
	idleTime   = 5 * time.Minute
)

// Config configures Start.
type Config struct {
	Addr     string // of SMTP; "127.0.0.1:0" when empty
	HTTPAddr string // of the listing, GET /messages?limit=; "127.0.0.1:0" when empty
	DataDir  string // holds mails.journal; created if missing
	Limit    int    // mails kept in memory; received.DefaultLimit when 0
	Log      *slog.Logger
}

// Sink is a running mail server. Wait, All and Count look at the mails it kept.
type Sink struct {
	*received.Box[Mail]
	smtp     *smtp.Server
	listener net.Listener
	ended    chan error
	list     *httpd.Server
	refused  atomic.Int64
	down     atomic.Bool

	mu    sync.Mutex
	tried map[string]bool // recipients that were refused once
}

// Start reads the mails of earlier runs back and listens. Errors name the address or the file that is at fault.
func Start(cfg Config) (*Sink, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("mail sink: DataDir is required")
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.HTTPAddr == "" {
		cfg.HTTPAddr = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	box, err := received.Open[Mail](filepath.Join(cfg.DataDir, "mails.journal"), cfg.Limit)
	if err != nil {
		return nil, fmt.Errorf("mail sink: %w", err)
	}
	s := &Sink{Box: box, ended: make(chan error, 1), tried: map[string]bool{}}
	if err := s.listen(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("mail sink: %w", err), box.Close())
	}
	cfg.Log.Info("mail sink is ready", "smtp", s.Addr(), "mails", s.URL()+"/messages")
	return s, nil
}

func (s *Sink) listen(cfg Config) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages", s.List)
	s.list, err = httpd.Start(cfg.HTTPAddr, mux)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: s}, nil }))
	s.smtp.Domain = "mailsink.localhost"
	s.smtp.MaxMessageBytes = maxMessage
	s.smtp.MaxRecipients = 100
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = idleTime, idleTime
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug) // connections that broke: the client's affair
	go func() { s.ended <- s.smtp.Serve(listener) }()
	return nil
}

// Addr is the SMTP address, "host:port".
func (s *Sink) Addr() string { return s.listener.Addr().String() }

// URL is the base URL of the listing, without a final slash.
func (s *Sink) URL() string { return s.list.URL() }

// Refused is the number of recipients that were refused in this run.
func (s *Sink) Refused() int { return int(s.refused.Load()) }

// SetUnavailable makes the server refuse every mail for now (451), or ends that.
func (s *Sink) SetUnavailable(on bool) { s.down.Store(on) }

// Close cuts the connections and closes the file.
func (s *Sink) Close() error {
	err := s.smtp.Close()
	// The server closes the listeners that it has got round to serving; this one it may not have seen yet.
	if closed := s.listener.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return errors.Join(err, <-s.ended, s.list.Close(), s.Box.Close())
}
