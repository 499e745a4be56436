package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TLSConfig encrypts the REST and the gRPC port; without a certificate they are plain, for a mesh or a proxy to do it. The admin port is always plain.
type TLSConfig struct {
	CertFile     string        `env:"TLS_CERT_FILE"`                                   // PEM: the certificate, then those between it and its authority
	KeyFile      string        `env:"TLS_KEY_FILE"`                                    // PEM: its key
	ClientCAFile string        `env:"TLS_CLIENT_CA_FILE"`                              // PEM: authorities of the clients, each of which must then show a certificate
	MinVersion   string        `env:"TLS_MIN_VERSION" envDefault:"1.2"`                // 1.2 or 1.3
	ReloadEvery  time.Duration `env:"TLS_RELOAD_EVERY" envDefault:"10s" atLeast:"1ms"` // between two looks at the files
}

// connectionAge is how long a connection may last. A client certificate is looked at when a connection begins: who showed one of an authority
// that is no longer trusted is asked again after this time. 0, any time, without client certificates.
func (c TLSConfig) connectionAge() time.Duration {
	if c.ClientCAFile == "" {
		return 0
	}
	return 30 * time.Minute
}

// connectedKey is where a request's context has when its connection began.
type connectedKey struct{}

func (c TLSConfig) enabled() bool { return c.CertFile != "" }

// validate reads the files, too. The error is one line that names a variable and its value; a key is never shown.
func (c TLSConfig) validate() error {
	switch {
	case c.CertFile == "" && c.KeyFile != "":
		return fmt.Errorf("TLS_CERT_FILE is empty: needed with TLS_KEY_FILE=%q", c.KeyFile)
	case c.CertFile == "" && c.ClientCAFile != "":
		return fmt.Errorf("TLS_CERT_FILE is empty: needed with TLS_CLIENT_CA_FILE=%q", c.ClientCAFile)
	case c.CertFile != "" && c.KeyFile == "":
		return fmt.Errorf("TLS_KEY_FILE is empty: needed with TLS_CERT_FILE=%q", c.CertFile)
	}
	if _, err := c.minVersion(); err != nil || !c.enabled() {
		return err
	}
	_, err := c.load()
	return err
}

func (c TLSConfig) minVersion() (uint16, error) {
	switch c.MinVersion {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("TLS_MIN_VERSION=%q: allowed are 1.2 and 1.3", c.MinVersion)
}

// loaded is what the files held at some time.
type loaded struct {
	config   *tls.Config
	notAfter time.Time
	digest   [sha256.Size]byte // of all files, to see a change
}

func (c TLSConfig) load() (*loaded, error) {
	cert, err := os.ReadFile(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT_FILE=%q: %w", c.CertFile, bareFile(err))
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_KEY_FILE=%q: %w", c.KeyFile, bareFile(err))
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT_FILE=%q, TLS_KEY_FILE=%q: no certificate with its key: %w", c.CertFile, c.KeyFile, err)
	}
	version, err := c.minVersion()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, NextProtos: []string{"h2", "http/1.1"}}
	var authorities []byte
	if c.ClientCAFile != "" {
		if authorities, err = os.ReadFile(c.ClientCAFile); err != nil {
			return nil, fmt.Errorf("TLS_CLIENT_CA_FILE=%q: %w", c.ClientCAFile, bareFile(err))
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("TLS_CLIENT_CA_FILE=%q: holds no certificate in PEM", c.ClientCAFile)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.SessionTicketsDisabled = true // a session resumed by ticket would outlive a withdrawn authority
	}
	return &loaded{config, pair.Leaf.NotAfter, sha256.Sum256(bytes.Join([][]byte{cert, key, authorities}, []byte{0}))}, nil
}

// bareFile strips the path, which the caller's text has already.
func bareFile(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// certificates serve what the files held when they were last good.
type certificates struct {
	cfg     TLSConfig
	log     *slog.Logger
	current atomic.Pointer[loaded]

	expiry prometheus.Gauge
	failed prometheus.Gauge
}

func newCertificates(cfg TLSConfig, log *slog.Logger, registry *prometheus.Registry) (*certificates, error) {
	first, err := cfg.load()
	if err != nil {
		return nil, err
	}
	c := &certificates{cfg: cfg, log: log,
		expiry: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tls_certificate_expiry_timestamp_seconds", Help: "When the served certificate ends, in seconds since 1970."}),
		failed: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tls_reload_failed", Help: "1 while the certificate's files can't be used and those read before serve on."}),
	}
	for _, gauge := range []prometheus.Gauge{c.expiry, c.failed} {
		if err := registry.Register(gauge); err != nil {
			return nil, err
		}
	}
	c.serve(first)
	return c, nil
}

func (c *certificates) serve(l *loaded) {
	c.current.Store(l)
	c.expiry.Set(float64(l.notAfter.Unix()))
}

// config gives each new connection what is current then.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // the one that counts is in what current holds
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().config, nil },
	}
}

// watch looks at the files until ctx ends. They are read rather than watched by notification: mounted secrets change by links.
func (c *certificates) watch(ctx context.Context) {
	tick := time.NewTicker(c.cfg.ReloadEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		fresh, err := c.cfg.load()
		switch {
		case err != nil:
			if told != err.Error() { // once each, not every ten seconds
				told = err.Error()
				c.log.ErrorContext(ctx, "certificate not reloaded, the one before stays", "error", err)
			}
			c.failed.Set(1)
			continue
		case fresh.digest != c.current.Load().digest:
			c.serve(fresh)
			c.log.InfoContext(ctx, "certificate reloaded", "not_after", fresh.notAfter)
		}
		c.failed.Set(0)
		told = ""
	}
}
