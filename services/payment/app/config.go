package app

import (
	"fmt"
	"net/url"
	"time"

	"orderflow.example/kit/service"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/provider/stripe"
	"orderflow.example/payment/internal/webhook"
)

// Config is what the payment service reads from its environment.
type Config struct {
	service.Config

	// Provider is who holds the money: simulator or stripe. Empty: simulator.
	Provider string `env:"PAYMENT_PROVIDER" envDefault:"simulator"`

	// ProviderURL is the base of the simulator's API.
	ProviderURL string `env:"PAYMENT_PROVIDER_URL"`

	// StripeKey is the account's secret key, or a restricted one. StripeURL is empty for Stripe's own.
	StripeKey string `env:"STRIPE_API_KEY"`
	StripeURL string `env:"STRIPE_API_URL"`

	// StripeWebhookSecrets are those of the endpoint at Stripe, as WebhookSecrets are the simulator's.
	StripeWebhookSecrets []string `env:"STRIPE_WEBHOOK_SECRET"`

	// WebhookSecrets verify the simulator's webhooks; several are valid while one follows the other. None: no webhooks are
	// taken.
	WebhookSecrets []string `env:"PAYMENT_WEBHOOK_SECRETS"`

	// ProviderTimeout bounds one call. 0: 30 s.
	ProviderTimeout time.Duration `env:"PAYMENT_PROVIDER_TIMEOUT" envDefault:"30s"`

	// ProviderConcurrency is how many payments are with the provider at a time, at most: the rest of the service never
	// suffers from a slow provider by more. A call that hangs holds its place until the time-out. 0: 256.
	ProviderConcurrency int `env:"PAYMENT_PROVIDER_CONCURRENCY" envDefault:"256"`

	// The provider is left alone for BreakerPause once BreakerCalls calls ended within 10 s and half of them failed.
	// 0: 20 and 5 s.
	BreakerCalls uint32        `env:"PAYMENT_BREAKER_CALLS" envDefault:"20"`
	BreakerPause time.Duration `env:"PAYMENT_BREAKER_PAUSE" envDefault:"5s"`
}

// Variables describes the variables that only this service has, for --help.
const Variables = `  PAYMENT_PROVIDER              simulator or stripe                                  default simulator
  PAYMENT_PROVIDER_URL          base of the simulator's API                          required with simulator
  PAYMENT_WEBHOOK_SECRETS       whsec_…,… that sign the simulator's webhooks         none: no webhooks
  STRIPE_API_KEY                secret (sk_…) or restricted (rk_…) key               required with stripe
  STRIPE_API_URL                base of Stripe's API; http on a loopback host only   default https://api.stripe.com
  STRIPE_WEBHOOK_SECRET         whsec_…,… of the endpoint at Stripe                  none: no webhooks
  PAYMENT_PROVIDER_TIMEOUT      of one call                                          default 30s
  PAYMENT_PROVIDER_CONCURRENCY  payments that are with the provider at a time        default 256
  PAYMENT_BREAKER_CALLS         ended in 10 s, before half of them failing counts    default 20
  PAYMENT_BREAKER_PAUSE         for which a failing provider is left alone           default 5s
`

// withDefaults is for a Config that was not read from the environment, too.
func (c Config) withDefaults() (Config, error) {
	if c.ProviderTimeout == 0 {
		c.ProviderTimeout = 30 * time.Second
	}
	if c.ProviderConcurrency == 0 {
		c.ProviderConcurrency = 256
	}
	switch {
	case c.ProviderTimeout < 0:
		return c, fmt.Errorf("PAYMENT_PROVIDER_TIMEOUT=%s: must be positive", c.ProviderTimeout)
	case c.ProviderConcurrency < 0:
		return c, fmt.Errorf("PAYMENT_PROVIDER_CONCURRENCY=%d: must be positive", c.ProviderConcurrency)
	case c.BreakerPause < 0:
		return c, fmt.Errorf("PAYMENT_BREAKER_PAUSE=%s: must be positive", c.BreakerPause)
	}
	if err := c.validateProvider(); err != nil {
		return c, err
	}
	_, err := c.sources()
	return c, err
}

// validateProvider never puts a key into its error.
func (c Config) validateProvider() error {
	switch c.Provider {
	case provider.Name, "":
		if err := c.simulator().Validate(); err != nil {
			return fmt.Errorf("PAYMENT_PROVIDER_URL=%q: %w", redacted(c.ProviderURL), err)
		}
	case stripe.Name:
		if err := (stripe.Config{Key: c.StripeKey}).Validate(); err != nil {
			return fmt.Errorf("STRIPE_API_KEY: %w", err)
		}
		if err := c.stripe().Validate(); err != nil {
			return fmt.Errorf("STRIPE_API_URL=%q: %w", redacted(c.StripeURL), err)
		}
	default:
		return fmt.Errorf("PAYMENT_PROVIDER=%q: must be %s or %s", c.Provider, provider.Name, stripe.Name)
	}
	return nil
}

// redacted is a URL as it may be printed: who is named in it, and their password, are left out.
func redacted(text string) string {
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		return "…"
	case parsed.User != nil:
		parsed.User = url.User("xxxxx")
	}
	return parsed.String()
}

func (c Config) simulator() provider.Config {
	return provider.Config{URL: c.ProviderURL, Treatment: c.treatment()}
}

func (c Config) stripe() stripe.Config {
	return stripe.Config{Key: c.StripeKey, URL: c.StripeURL, Treatment: c.treatment()}
}

// treatment is how the provider is treated, whichever it is.
func (c Config) treatment() provider.Treatment {
	return provider.Treatment{
		Timeout: c.ProviderTimeout, Connections: c.ProviderConcurrency, Breaker: provider.Breaker{Calls: c.BreakerCalls, Pause: c.BreakerPause},
	}
}

// sources are the providers whose webhooks are taken.
func (c Config) sources() (map[string]webhook.Source, error) {
	sources := map[string]webhook.Source{}
	if len(c.WebhookSecrets) > 0 {
		source, err := provider.NewWebhooks(c.WebhookSecrets...)
		if err != nil {
			return nil, fmt.Errorf("PAYMENT_WEBHOOK_SECRETS: %w", err)
		}
		sources[provider.Name] = source
	}
	if len(c.StripeWebhookSecrets) > 0 {
		source, err := stripe.NewWebhooks(c.StripeWebhookSecrets...)
		if err != nil {
			return nil, fmt.Errorf("STRIPE_WEBHOOK_SECRET: %w", err)
		}
		sources[stripe.Name] = source
	}
	return sources, nil
}
