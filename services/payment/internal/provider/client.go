// Package provider speaks to the payment provider over HTTP. All that is known of its API (paths, states, error codes, how
// long its keys live) stays in here; Perform and LookUp answer in the domain's words.
package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Name is what payments say of who holds their money.
const Name = "simulator"

// Config says where the provider is and how it is treated.
type Config struct {
	URL         string        // base of its API, http or https
	Timeout     time.Duration // of one call; 0: 30 s
	Connections int           // open at a time, kept alive between calls; 0: 64
	Breaker     Breaker
	Log         *slog.Logger          // nil: slog.Default()
	Metrics     prometheus.Registerer // nil: none
}

// Client calls the provider. It is safe for concurrent use.
type Client struct {
	base    string
	timeout time.Duration
	http    *http.Client
	circuit *circuit
	metrics *metrics
}

// Validate says what is wrong with the configuration.
func (cfg Config) Validate() error {
	base, err := url.Parse(cfg.URL)
	switch {
	case err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https"):
		return errors.New("the provider's URL must be an http or https URL")
	case cfg.Timeout < 0:
		return fmt.Errorf("the time-out of a call is %s: must be positive", cfg.Timeout)
	case cfg.Connections < 0:
		return fmt.Errorf("%d connections: must be positive", cfg.Connections)
	}
	return nil
}

// New makes a client. It calls nobody.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Connections == 0 {
		cfg.Connections = 64
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Client{
		base:    strings.TrimSuffix(cfg.URL, "/"),
		timeout: cfg.Timeout,
		http:    httpClient(cfg.Connections),
		metrics: newMetrics(cfg.Metrics),
	}
	c.circuit = newCircuit(cfg.Breaker, cfg.Log, c.metrics)
	return c, nil
}

// httpClient keeps as many connections alive as calls run at a time, so that a busy worker dials none.
func httpClient(connections int) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        connections,
			MaxIdleConnsPerHost: connections,
			MaxConnsPerHost:     connections,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
			ForceAttemptHTTP2:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an order to move money goes where it was meant to go
		},
	}
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// lookUpTimeout bounds a reading call: it changes nothing, so it needs no patience.
func (c *Client) lookUpTimeout() time.Duration { return min(c.timeout, 5*time.Second) }

// Longest is how long Perform and a LookUp before it take at most: the operation, and two readings
// on either side of it.
func (c *Client) Longest() time.Duration { return c.timeout + 4*c.lookUpTimeout() }

func (c *Client) post(ctx context.Context, name, path, key string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.call(ctx, call{name: name, method: http.MethodPost, path: path, key: key, in: in}, out)
}

func (c *Client) get(ctx context.Context, name, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.lookUpTimeout())
	defer cancel()
	return c.call(ctx, call{name: name, method: http.MethodGet, path: path}, out)
}
