// Package httpd serves a handler on one address, for the parts of the platform that speak HTTP.
package httpd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// drainTime is how long Close lets calls under way finish before it cuts their connections.
const drainTime = 5 * time.Second

// Server is a running HTTP server.
type Server struct {
	server *http.Server
	addr   net.Addr
	ended  chan error
}

// Start listens on addr ("host:port", port 0 for any free one) and serves in the background.
// An address in use is an error at once, and the error names it.
func Start(addr string, handler http.Handler) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute},
		addr:   listener.Addr(),
		ended:  make(chan error, 1),
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// Addr is the address as "host:port", with the real port.
func (s *Server) Addr() string { return s.addr.String() }

// URL is the address as a base URL without a final slash.
func (s *Server) URL() string { return "http://" + s.Addr() }

// Close stops listening, lets calls under way finish, and cuts those that take more than five seconds.
// It may be called once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close()
	}
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
