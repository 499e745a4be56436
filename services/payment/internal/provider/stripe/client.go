// Package stripe is the client of Stripe: a PaymentIntent with manual capture for each payment. All that is known of
// Stripe's API stays in here; Perform and LookUp answer in the domain's words.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	stripego "github.com/stripe/stripe-go/v82"

	"orderflow.example/payment/internal/provider"
)

// Name is what payments say of who holds their money.
const Name = "stripe"

// DefaultURL is Stripe's own.
const DefaultURL = "https://api.stripe.com"

// Config says which account is used, and how Stripe is treated.
type Config struct {
	Key string // the account's secret or restricted key
	URL string // base of the API; empty: DefaultURL
	provider.Treatment
}

// Client calls Stripe. It is safe for concurrent use.
type Client struct {
	*provider.Transport
	api *stripego.Client
}

// Validate says what is wrong with the configuration. The key is never part of the error.
func (cfg Config) Validate() error {
	if !strings.HasPrefix(cfg.Key, "sk_") && !strings.HasPrefix(cfg.Key, "rk_") {
		return errors.New("the key must be a secret key (sk_…) or a restricted one (rk_…)")
	}
	if cfg.URL != "" {
		if err := validateURL(cfg.URL); err != nil {
			return err
		}
	}
	return cfg.Treatment.Validate()
}

// validateURL wants the key to be sent over TLS, but to this machine itself.
func validateURL(base string) error {
	if err := provider.ValidateURL(base); err != nil {
		return err
	}
	parsed, err := url.Parse(base)
	if err != nil {
		return errors.New("not a URL")
	}
	host := parsed.Hostname()
	if parsed.Scheme == "http" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return errors.New("http is for a loopback host only: the key would be sent in clear")
	}
	return nil
}

// New makes a client. It calls nobody.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	transport, err := provider.NewTransport(cfg.Treatment)
	if err != nil {
		return nil, err
	}
	backends := stripego.NewBackendsWithConfig(&stripego.BackendConfig{
		HTTPClient:        transport.HTTP(),
		URL:               stripego.String(strings.TrimSuffix(cfg.URL, "/")),
		MaxNetworkRetries: stripego.Int64(0), // a retry is the worker's, which looks up first
		EnableTelemetry:   stripego.Bool(false),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull}, // it would log what is nobody's business
	})
	return &Client{Transport: transport, api: stripego.NewClient(cfg.Key, stripego.WithBackends(backends))}, nil
}

// Name is what payments say of who holds their money.
func (c *Client) Name() string { return Name }

// move makes a call that moves money; its error is a *provider.Error.
func (c *Client) move(ctx context.Context, name string, call func(ctx context.Context) error) error {
	return c.Do(ctx, name, c.Timeout(), watched(call))
}

// read makes a call that changes nothing.
func (c *Client) read(ctx context.Context, name string, call func(ctx context.Context) error) error {
	return c.Do(ctx, name, c.LookUpTimeout(), watched(call))
}

func watched(call func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		ctx, sent := provider.Watched(ctx)
		if err := call(ctx); err != nil {
			return classify(ctx, err, *sent)
		}
		return nil
	}
}

// Keys of the metadata that tells whose an object at Stripe is.
const (
	metaOrder     = "order_id"
	metaPayment   = "payment_id"
	metaRefund    = "refund_id"
	metaOperation = "operation" // the idempotency key, which Stripe does not show
)

// ours tells whether this service made the object. An order's id alone proves nothing: other systems name theirs so, too.
func ours(metadata map[string]string) bool {
	return metadata[metaOrder] != "" && metadata[metaPayment] != ""
}

// search is a query for the PaymentIntents of a payment.
func search(paymentID string) string {
	return fmt.Sprintf("metadata['%s']:'%s'", metaPayment, strings.ReplaceAll(paymentID, "'", `\'`))
}
