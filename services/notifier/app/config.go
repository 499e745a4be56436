package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow.example/kit/service"
	"orderflow.example/notifier/internal/channel"
)

// Config is what the notifier reads from its environment. A zero field is the default one.
type Config struct {
	service.Config

	// EnabledChannels are the channels that send. The others need no configuration.
	EnabledChannels []string `env:"ENABLED_CHANNELS" envDefault:"email,webhook"`
	// DeliveryConcurrency is how many deliveries of one channel are under way at a time, and how many connections it keeps.
	DeliveryConcurrency int `env:"DELIVERY_CONCURRENCY" envDefault:"32"`
	// DeliveryAttempts is how often a delivery is tried before it has failed.
	DeliveryAttempts int `env:"DELIVERY_ATTEMPTS" envDefault:"10"`
	// DeliveryTimeout bounds one try. An SMTP server has a quarter of it for each step of a session.
	DeliveryTimeout time.Duration `env:"DELIVERY_TIMEOUT" envDefault:"30s"`

	SMTPAddr     string `env:"SMTP_ADDR"`
	SMTPFrom     string `env:"SMTP_FROM" envDefault:"orders@orderflow.example"`
	SMTPUsername string `env:"SMTP_USERNAME"`
	SMTPPassword string `env:"SMTP_PASSWORD"`
	SMTPTLS      string `env:"SMTP_TLS" envDefault:"starttls"`

	WebhookURL    string `env:"WEBHOOK_URL"`
	WebhookSecret string `env:"WEBHOOK_SECRET"`
}

// Variables describes the variables that only this service has, for --help.
const Variables = `  ENABLED_CHANNELS          email, webhook                                           default email,webhook
  DELIVERY_CONCURRENCY      deliveries of one channel at a time                      default 32
  DELIVERY_ATTEMPTS         tries before a delivery has failed                       default 10
  DELIVERY_TIMEOUT          of one try                                               default 30s
  SMTP_ADDR                 host:port                                                required with email
  SMTP_FROM                 the sender                                               default orders@orderflow.example
  SMTP_USERNAME, SMTP_PASSWORD
  SMTP_TLS                  none, starttls or tls                                    default starttls
  WEBHOOK_URL               http or https                                            required with webhook
  WEBHOOK_SECRET            whsec_… of Standard Webhooks                             required with webhook
`

// withDefaults is for a Config that was not read from the environment, too.
func (c Config) withDefaults() (Config, error) {
	if len(c.EnabledChannels) == 0 {
		c.EnabledChannels = []string{"email", "webhook"}
	}
	if c.DeliveryConcurrency == 0 {
		c.DeliveryConcurrency = 32
	}
	if c.DeliveryAttempts == 0 {
		c.DeliveryAttempts = 10
	}
	if c.DeliveryTimeout == 0 {
		c.DeliveryTimeout = 30 * time.Second
	}
	if c.SMTPFrom == "" {
		c.SMTPFrom = "orders@orderflow.example"
	}
	if c.SMTPTLS == "" {
		c.SMTPTLS = "starttls"
	}
	switch {
	case c.DeliveryConcurrency < 0:
		return c, fmt.Errorf("DELIVERY_CONCURRENCY=%d: must be positive", c.DeliveryConcurrency)
	case c.DeliveryAttempts < 0:
		return c, fmt.Errorf("DELIVERY_ATTEMPTS=%d: must be positive", c.DeliveryAttempts)
	case c.DeliveryTimeout < 0:
		return c, fmt.Errorf("DELIVERY_TIMEOUT=%s: must be positive", c.DeliveryTimeout)
	}
	return c, nil
}

// channels makes the enabled channels.
func (c Config) channels() ([]channel.Channel, error) {
	var enabled []channel.Channel
	for i, name := range c.EnabledChannels {
		if slices.Contains(c.EnabledChannels[:i], name) {
			return nil, fmt.Errorf("ENABLED_CHANNELS=%q: names %s twice", strings.Join(c.EnabledChannels, ","), name)
		}
		made, err := c.channel(name)
		if err != nil {
			return nil, err
		}
		enabled = append(enabled, made)
	}
	return enabled, nil
}

func (c Config) channel(name string) (channel.Channel, error) {
	switch name {
	case "email":
		return channel.NewEmail(channel.EmailConfig{
			Addr: c.SMTPAddr, From: c.SMTPFrom, Username: c.SMTPUsername, Password: c.SMTPPassword, TLS: c.SMTPTLS,
			Timeout: c.DeliveryTimeout, Sessions: c.DeliveryConcurrency,
		})
	case "webhook":
		return channel.NewWebhook(channel.WebhookConfig{
			URL: c.WebhookURL, Secret: c.WebhookSecret, Timeout: c.DeliveryTimeout, Connections: c.DeliveryConcurrency,
		})
	}
	return nil, fmt.Errorf("ENABLED_CHANNELS=%q: must be email or webhook", name)
}
