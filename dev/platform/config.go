// Package platform runs all of Orderflow in one process: an embedded broker and registry, a token issuer, a payment
// provider, sinks for mails and webhooks, and the four services on SQLite. What it holds survives a restart.
package platform

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Config says where a platform keeps its state and where it listens.
type Config struct {
	DataDir  string
	Ports    Ports
	LogLevel string            // debug, info, warn or error; info when empty
	Log      io.Writer         // of all services; DataDir/platform.log when nil
	Progress func(what string) // told of each step of the start; may be nil
	// Variables are set for every service beside the platform's own, as NAME to value.
	Variables map[string]string
}

// Ports are on loopback; 0 is any free port.
type Ports struct {
	Kafka, Registry, Issuer, Provider, SMTP, Mails, Webhooks int
	REST, GRPC, Admin                                        [4]int // in the order of Services
}

// Services are the names of the four services.
var Services = [4]string{"order", "inventory", "payment", "notifier"}

// DefaultPorts are the ports that the documents name, all moved up by the offset.
func DefaultPorts(offset int) Ports {
	p := Ports{
		Kafka: 9092 + offset, Registry: 8085 + offset, Issuer: 8086 + offset, Provider: 8087 + offset,
		SMTP: 1025 + offset, Mails: 8025 + offset, Webhooks: 8026 + offset,
	}
	for i := range Services {
		p.REST[i], p.GRPC[i], p.Admin[i] = 8080+i+offset, 9080+i+offset, 8180+i+offset
	}
	return p
}

// DefaultDataDir is under the user's cache directory.
func DefaultDataDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (use --data DIR): %w", err)
	}
	return filepath.Join(cache, "orderflow"), nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
