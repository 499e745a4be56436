// Package edgetest throws at a REST edge what no client would send, and tells what is wrong with the answers.
package edgetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Request is what goes over the wire, unchecked.
type Request struct {
	Method string
	Target string
	Header string // whole lines, without the last line's end
	Body   string
}

// text has a Content-Length unless the header speaks of the body's length itself.
func (r Request) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nConnection: close\r\n", r.Method, r.Target)
	lower := strings.ToLower(r.Header)
	if !strings.Contains(lower, "host:") {
		b.WriteString("Host: localhost\r\n")
	}
	if !strings.Contains(lower, "content-length") && !strings.Contains(lower, "transfer-encoding") && r.Body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	if r.Header != "" {
		b.WriteString(r.Header + "\r\n")
	}
	b.WriteString("\r\n" + r.Body)
	return b.String()
}

// String is the request as a failed test shows it.
func (r Request) String() string {
	text := fmt.Sprintf("%q", r.text())
	if len(text) > 2000 {
		text = text[:2000] + "…"
	}
	return text
}

// Send sends the request on a connection of its own and returns all that comes back. An answer that is not over within the limit is an error.
func Send(addr string, r Request, limit time.Duration) (string, error) {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // what matters has been read
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, _ = io.WriteString(conn, r.text()) // the server need not read what it has refused
	}()
	defer func() { <-wrote }()
	text, err := io.ReadAll(conn)
	if len(text) > 0 && !isTimeout(err) {
		err = nil // the server need not read all of what it has refused: the connection may end by a reset
	}
	return string(text), err
}

func isTimeout(err error) bool {
	t, ok := err.(net.Error) //nolint:errorlint // net.Conn returns it as it is
	return ok && t.Timeout()
}
