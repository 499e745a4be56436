package redistest

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"orderflow.example/kit/redisdb"
)

// Server is a Redis of the test's own, which it may stop and start again. It keeps what it holds, as one with an append-only file does.
type Server struct {
	t     testing.TB
	addr  string
	mini  *miniredis.Miniredis
	start func() *exec.Cmd
	real  *exec.Cmd
}

// Own starts a server until the test ends: a process, with more options of redis-server, when REDIS_URL is set and redis-server is installed,
// and an imitation otherwise.
func Own(t testing.TB, options ...string) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if os.Getenv(Variable) == "" || err != nil {
		mini := miniredis.RunT(t)
		return &Server{t: t, addr: mini.Addr(), mini: mini}
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr) // it comes from a listener
	dir := t.TempDir()
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "yes"}, options...)
	s := &Server{t: t, addr: addr, start: func() *exec.Cmd {
		return exec.CommandContext(context.Background(), binary, args...) //nolint:gosec // the test's own server
	}}
	s.Start()
	t.Cleanup(func() {
		if s.real != nil {
			s.Stop()
		}
	})
	return s
}

// Addr is host:port, the same after each start.
func (s *Server) Addr() string { return s.addr }

// URL is the same after each start.
func (s *Server) URL() string { return "redis://" + s.addr }

// IsReal tells whether this is Redis itself.
func (s *Server) IsReal() bool { return s.mini == nil }

// Stop kills the server: connections break, and new ones are refused.
func (s *Server) Stop() {
	s.t.Helper()
	if s.mini != nil {
		s.mini.Close()
		return
	}
	if err := s.real.Process.Kill(); err != nil {
		s.t.Errorf("kill redis-server: %v", err)
	}
	_ = s.real.Wait() // it was killed, which is what it says
	s.real = nil
}

// Start starts the server again and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	if s.mini != nil {
		if err := s.mini.Restart(); err != nil {
			s.t.Fatalf("restart: %v", err)
		}
		return
	}
	s.real = s.start()
	if err := s.real.Start(); err != nil {
		s.t.Fatalf("redis-server: %v", err)
	}
	s.await()
}

func (s *Server) await() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := redisdb.Open(s.URL(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // it only asks
	for c.Ping(ctx) != nil {
		select {
		case <-ctx.Done():
			s.t.Fatal("redis-server does not answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
