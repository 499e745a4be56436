// Package provider speaks to payment providers. It has what all of them share (transport, circuit breaker, classes of
// errors) and the client of the provider simulator; a package below it has another provider's. All that is known of an API
// (paths, states, error codes, how long its keys live) stays in its client; Perform and LookUp answer in the domain's words.
package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Name is what payments say of who holds their money.
const Name = "simulator"

// Config says where the provider is and how it is treated.
type Config struct {
	URL string // base of its API, http or https
	Treatment
}

// Client calls the provider. It is safe for concurrent use.
type Client struct {
	*Transport
	base string
}

// Validate says what is wrong with the configuration.
func (cfg Config) Validate() error {
	if err := ValidateURL(cfg.URL); err != nil {
		return err
	}
	return cfg.Treatment.Validate()
}

// ValidateURL says what is wrong with the base URL of an API.
func ValidateURL(base string) error {
	parsed, err := url.Parse(base)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return errors.New("the provider's URL must be an http or https URL")
	}
	return nil
}

// New makes a client. It calls nobody.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	transport, err := NewTransport(cfg.Treatment)
	if err != nil {
		return nil, err
	}
	return &Client{Transport: transport, base: strings.TrimSuffix(cfg.URL, "/")}, nil
}

// Name is what payments say of who holds their money.
func (c *Client) Name() string { return Name }

func (c *Client) post(ctx context.Context, name, path, key string, in, out any) error {
	return c.call(ctx, c.Timeout(), call{name: name, method: http.MethodPost, path: path, key: key, in: in}, out)
}

func (c *Client) get(ctx context.Context, name, path string, out any) error {
	return c.call(ctx, c.LookUpTimeout(), call{name: name, method: http.MethodGet, path: path}, out)
}
