package app

import (
	"fmt"
	"time"

	"orderflow.example/kit/service"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/webhook"
)

// Config is what the payment service reads from its environment.
type Config struct {
	service.Config

	// ProviderURL is the base of the payment provider's API.
	ProviderURL string `env:"PAYMENT_PROVIDER_URL,required"`

	// WebhookSecrets verify the provider's webhooks; several are valid while one follows the other. None: no webhooks are
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
const Variables = `  PAYMENT_PROVIDER_URL          base of the payment provider's API                   required
  PAYMENT_WEBHOOK_SECRETS       whsec_…,… that sign the provider's webhooks          none: no webhooks
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
	if err := c.provider().Validate(); err != nil {
		return c, fmt.Errorf("PAYMENT_PROVIDER_URL=%q: %w", c.ProviderURL, err)
	}
	if _, err := c.sources(); err != nil {
		return c, err
	}
	return c, nil
}

// provider is the part that the provider's client reads.
func (c Config) provider() provider.Config {
	return provider.Config{URL: c.ProviderURL, Treatment: provider.Treatment{
		Timeout: c.ProviderTimeout, Connections: c.ProviderConcurrency, Breaker: provider.Breaker{Calls: c.BreakerCalls, Pause: c.BreakerPause},
	}}
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
	return sources, nil
}
