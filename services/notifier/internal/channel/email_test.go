package channel

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server that takes mails, or refuses recipients with a code.
type mailServer struct {
	mu       sync.Mutex
	sessions int
	conns    []net.Conn
	mails    []string
	refuse   int
	addr     string
	server   *smtp.Server
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{addr: listener.Addr().String()}
	m.server = smtp.NewServer(m)
	m.server.Domain, m.server.AllowInsecureAuth = "localhost", true
	done := make(chan struct{})
	go func() { defer close(done); _ = m.server.Serve(listener) }()
	t.Cleanup(func() { _ = m.server.Close(); _ = listener.Close(); <-done }) // Serve may not have begun
	return m
}

func (m *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	m.conns = append(m.conns, c.Conn())
	return &session{m}, nil
}

type session struct{ m *mailServer }

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.refuse > 0 {
		return &smtp.SMTPError{Code: s.m.refuse, Message: "no mail for " + to}
	}
	return nil
}
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.mails = append(s.m.mails, string(text))
	return err
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func email(t *testing.T, addr string) *Email {
	t.Helper()
	e, err := NewEmail(EmailConfig{Addr: addr, From: "orders@orderflow.example", TLS: "none", Timeout: 2 * time.Second, Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestEmailReachesTheServerOverOneSession(t *testing.T) {
	m := newMailServer(t)
	e := email(t, m.addr)
	for range 3 {
		if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.mails) != 3 || m.sessions != 1 {
		t.Fatalf("%d mails over %d sessions, want 3 over 1", len(m.mails), m.sessions)
	}
	for _, want := range []string{"Message-ID: <0192@orderflow.example>", "Subject: We received your payment", "To: <kim@example.com>", "thank you"} {
		if !strings.Contains(m.mails[0], want) {
			t.Errorf("the mail has no %q:\n%s", want, m.mails[0])
		}
	}
}

func TestEmailRefusals(t *testing.T) {
	for code, refused := range map[int]bool{450: false, 452: false, 550: true, 553: true} {
		m := newMailServer(t)
		m.refuse = code
		err := email(t, m.addr).Send(t.Context(), letter("kim@example.com"))
		if err == nil || Refused(err) != refused {
			t.Errorf("%d: %v, refused %v", code, err, Refused(err))
		}
		if err != nil && strings.Contains(err.Error(), "kim@") {
			t.Errorf("%d: the error repeats the recipient: %v", code, err)
		}
	}
}

func TestEmailGoesOnAfterTheServerClosedItsSession(t *testing.T) {
	m := newMailServer(t)
	e := email(t, m.addr)
	if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
		t.Fatal(err)
	}
	if len(m.mails) != 2 {
		t.Fatalf("%d mails", len(m.mails))
	}
}

func TestEmailServerAwayIsWorthARetry(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := email(t, addr).Send(t.Context(), letter("kim@example.com")); err == nil || Refused(err) {
		t.Fatalf("got %v", err)
	}
}

func TestABadRecipientIsRefused(t *testing.T) {
	m := newMailServer(t)
	for _, to := range []string{"", "no address", "a@b\r\nRCPT TO:<thief@example.com>"} {
		if err := email(t, m.addr).Send(t.Context(), letter(to)); !Refused(err) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestEmailConfigurationErrorsNameTheVariable(t *testing.T) {
	good := EmailConfig{Addr: "127.0.0.1:25", From: "a@b.example", TLS: "none", Timeout: time.Second, Sessions: 1}
	for want, change := range map[string]func(*EmailConfig){
		"SMTP_ADDR": func(c *EmailConfig) { c.Addr = "nowhere" },
		"SMTP_FROM": func(c *EmailConfig) { c.From = "nobody" },
		"SMTP_TLS":  func(c *EmailConfig) { c.TLS = "maybe" },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewEmail(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %s, got %v", want, err)
		}
	}
	if _, err := NewEmail(EmailConfig{Addr: "127.0.0.1:x", From: "a@b.example", TLS: "none"}); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a port that is no number: %v", err)
	}
}
