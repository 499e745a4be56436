package channel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"orderflow.example/notifier/internal/channel/channeltest"
)

func email(t *testing.T, addr string) *Email {
	t.Helper()
	e, err := NewEmail(EmailConfig{Addr: addr, From: "orders@orderflow.example", TLS: "none", Timeout: 8 * time.Second, Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// failure is err as a channel answers it.
func failure(t *testing.T, err error) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("%v is no failure", err)
	}
	return f
}

func TestEmailReachesTheServerOverOneSession(t *testing.T) {
	m := channeltest.NewMailServer(t)
	e := email(t, m.Addr)
	for range 3 {
		if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	mails := m.Mails()
	if len(mails) != 3 || m.Sessions() != 1 {
		t.Fatalf("%d mails over %d sessions, want 3 over 1", len(mails), m.Sessions())
	}
	for _, want := range []string{"Message-ID: <0192@orderflow.example>", "Subject: We received your payment", "To: <kim@example.com>", "thank you"} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("the mail has no %q:\n%s", want, mails[0])
		}
	}
}

func TestEmailRefusals(t *testing.T) {
	for _, c := range []struct {
		sender, recipient int
		refused           bool
	}{
		{recipient: 450}, {recipient: 452}, {recipient: 550, refused: true}, {recipient: 553, refused: true},
		{sender: 451}, {sender: 550}, // an operator mends the sender
	} {
		m := channeltest.NewMailServer(t)
		m.Refuse(c.sender, c.recipient)
		e := email(t, m.Addr)
		err := e.Send(t.Context(), letter("kim@example.com"))
		f := failure(t, err)
		if f.Refused != c.refused || !strings.Contains(f.Text, fmt.Sprint(c.sender+c.recipient)) {
			t.Errorf("%+v: %+v", c, f)
		}
		if strings.Contains(err.Error(), "kim@") {
			t.Errorf("%+v: the error repeats the recipient: %v", c, err)
		}
		m.Refuse(0, 0)
		if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
			t.Errorf("%+v: the next mail: %v", c, err)
		}
	}
}

func TestEmailGoesOnAfterTheServerClosedItsSession(t *testing.T) {
	m := channeltest.NewMailServer(t)
	e := email(t, m.Addr)
	for range 2 {
		if err := e.Send(t.Context(), letter("kim@example.com")); err != nil {
			t.Fatal(err)
		}
		m.Hangup() // the second time, Close meets a dead session
	}
	if len(m.Mails()) != 2 || m.Sessions() != 2 {
		t.Fatalf("%d mails, %d sessions", len(m.Mails()), m.Sessions())
	}
}

// A server that takes the mail and fails afterwards has taken it: a retry would send it again.
func TestAMailThatWasTakenIsSentWhateverFollows(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
		say("220 hello")
		inMail := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			switch line := lines.Text(); {
			case inMail && line != ".":
			case inMail:
				say("250 taken")
				return // the RSET meets a closed connection
			case line == "DATA":
				inMail = true
				say("354 go on")
			default:
				say("250 fine")
			}
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-taken })
	if err := email(t, listener.Addr().String()).Send(t.Context(), letter("kim@example.com")); err != nil {
		t.Fatal(err)
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
	err = email(t, addr).Send(t.Context(), letter("kim@example.com"))
	if f := failure(t, err); f.Refused || strings.Contains(f.Text, addr) || !strings.Contains(err.Error(), addr) {
		t.Fatalf("people read %q, the log %q", f.Text, err)
	}
}

func TestEmailWaitsForASessionNoLongerThanItMay(t *testing.T) {
	e := email(t, channeltest.NewMailServer(t).Addr)
	session := <-e.sessions // under way elsewhere
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := failure(t, e.Send(ctx, letter("kim@example.com"))); f.Refused || !errors.Is(f, context.Canceled) {
		t.Fatalf("got %+v", f)
	}
	e.sessions <- session
}

func TestABadRecipientIsRefused(t *testing.T) {
	m := channeltest.NewMailServer(t)
	for _, to := range []string{"", "no address", "a@b\r\nRCPT TO:<thief@example.com>"} {
		if f := failure(t, email(t, m.Addr).Send(t.Context(), letter(to))); !f.Refused {
			t.Errorf("%q: %+v", to, f)
		}
	}
}
