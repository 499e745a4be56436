package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// listeners are the three ports.
type listeners struct{ http, grpc, admin net.Listener }

// bind binds all three or none. The error names each variable and address that failed, on one line.
func bind(cfg Config) (listeners, error) {
	var l listeners
	var failures []error
	for _, port := range []struct {
		variable, addr string
		to             *net.Listener
	}{
		{"HTTP_ADDR", cfg.HTTPAddr, &l.http},
		{"GRPC_ADDR", cfg.GRPCAddr, &l.grpc},
		{"ADMIN_ADDR", cfg.AdminAddr, &l.admin},
	} {
		listener, err := listen(port.addr)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s=%s: %w", port.variable, port.addr, err))
			continue
		}
		*port.to = listener
	}
	if len(failures) > 0 {
		l.close()
		return listeners{}, oneLine(failures)
	}
	return l, nil
}

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		return nil, errors.New("an address is needed, such as 127.0.0.1:8080")
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, bare(err)
	}
	return listener, nil
}

// bare strips what the caller's text says already: "listen tcp 127.0.0.1:8080: bind: address already in use" ends up as its last part.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err
}

func oneLine(failures []error) error {
	err := failures[0]
	for _, more := range failures[1:] {
		err = fmt.Errorf("%w; %w", err, more)
	}
	return err
}

func (l listeners) close() {
	for _, listener := range []net.Listener{l.http, l.grpc, l.admin} {
		if listener != nil {
			_ = listener.Close() // nothing has been accepted
		}
	}
}
