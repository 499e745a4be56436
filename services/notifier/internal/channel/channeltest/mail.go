// Package channeltest has real receivers for tests: an SMTP server and a webhook's endpoint.
package channeltest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// MailServer is an SMTP server that keeps the mails it takes, or refuses what it is told to refuse.
type MailServer struct {
	Addr string // host:port

	mu       sync.Mutex
	server   *smtp.Server
	sessions []net.Conn
	mails    []string
	sender   int
	rcpt     int
}

// NewMailServer serves until the test ends.
func NewMailServer(t testing.TB) *MailServer {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &MailServer{Addr: listener.Addr().String()}
	m.server = smtp.NewServer(m)
	m.server.Domain, m.server.AllowInsecureAuth = "localhost", true
	done := make(chan struct{})
	go func() { defer close(done); _ = m.server.Serve(listener) }()
	t.Cleanup(func() { _ = m.server.Close(); _ = listener.Close(); <-done }) // Serve may not have begun
	return m
}

// Refuse makes the server answer a sender or a recipient with a code; 0: it takes them.
func (m *MailServer) Refuse(sender, recipient int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sender, m.rcpt = sender, recipient
}

// Mails are the mails taken so far.
func (m *MailServer) Mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mails...)
}

// Sessions counts the sessions so far.
func (m *MailServer) Sessions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// Hangup closes all sessions.
func (m *MailServer) Hangup() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.sessions {
		_ = c.Close()
	}
}

// NewSession is for go-smtp.
func (m *MailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = append(m.sessions, c.Conn())
	return &session{m}, nil
}

type session struct{ m *MailServer }

func (s *session) Mail(string, *smtp.MailOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return refusal(s.m.sender, "no sender")
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return refusal(s.m.rcpt, "no mail for "+to)
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

func refusal(code int, text string) error {
	if code == 0 {
		return nil
	}
	return &smtp.SMTPError{Code: code, Message: text}
}
