package app_test

import (
	"strings"
	"testing"

	"orderflow.example/kit/service"
	"orderflow.example/notifier/app"
	"orderflow.example/notifier/internal/channel/channeltest"
)

// Each bad variable stops the start with one line that names it.
func TestBadVariables(t *testing.T) {
	good := map[string]string{
		"DATABASE_URL": "sqlite:" + t.TempDir() + "/notifier.db", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
		"HTTP_ADDR": "127.0.0.1:0", "GRPC_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "AUTH_MODE": "none",
		"SMTP_ADDR": "127.0.0.1:1025", "WEBHOOK_URL": "http://127.0.0.1:1/hook", "WEBHOOK_SECRET": channeltest.Secret,
	}
	for name, c := range map[string]struct {
		variable, value string
		want            string // beside the variable's name; empty: the start goes well
	}{
		"nothing":                  {"LOG_LEVEL", "error", ""},
		"webhook alone":            {"ENABLED_CHANNELS", "webhook", ""},
		"unknown channel":          {"ENABLED_CHANNELS", "email,pigeon", `"pigeon": must be email or webhook`},
		"a channel twice":          {"ENABLED_CHANNELS", "email,email", "names email twice"},
		"negative concurrency":     {"DELIVERY_CONCURRENCY", "-1", "=-1: must be positive"},
		"negative attempts":        {"DELIVERY_ATTEMPTS", "-1", "=-1: must be positive"},
		"negative time-out":        {"DELIVERY_TIMEOUT", "-1s", "=-1s: must be positive"},
		"attempts that are a word": {"DELIVERY_ATTEMPTS", "ten", "ten"},
		"no mail server":           {"SMTP_ADDR", "", "must be host:port"},
		"no port":                  {"SMTP_ADDR", "mail.example", "must be host:port"},
		"a port that is a word":    {"SMTP_ADDR", "mail.example:smtp", "the port must be a number"},
		"a port too high":          {"SMTP_ADDR", "mail.example:99999", "port"},
		"no sender":                {"SMTP_FROM", "nobody", "must be a mail address"},
		"unknown TLS":              {"SMTP_TLS", "maybe", "must be none, starttls or tls"},
		"a user and no password":   {"SMTP_USERNAME", "u", "SMTP_PASSWORD"},
		"a password and no user":   {"SMTP_PASSWORD", "p", "SMTP_USERNAME"},
		"another scheme":           {"WEBHOOK_URL", "ftp://hook.example", "must be an http or https URL"},
		"no URL":                   {"WEBHOOK_URL", "", "must be an http or https URL"},
		"no secret":                {"WEBHOOK_SECRET", "", "must be whsec_ and base64"},
		"a secret of no base64":    {"WEBHOOK_SECRET", "whsec_%%", "must be whsec_ and base64"},
		"a shared variable":        {"DATABASE_URL", "mysql://x", "must begin with"},
	} {
		t.Run(name, func(t *testing.T) {
			var environ []string
			for variable, value := range good {
				if variable != c.variable {
					environ = append(environ, variable+"="+value)
				}
			}
			if c.value != "" {
				environ = append(environ, c.variable+"="+c.value)
			}
			cfg, err := service.Parse[app.Config](environ)
			if err == nil {
				var s *service.Service
				if s, err = app.New(t.Context(), cfg); err == nil {
					if closed := s.Close(); closed != nil {
						t.Error(closed)
					}
				}
			}
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Error("no error")
			default:
				text := err.Error()
				named := strings.Contains(text, c.variable) || strings.Contains(text, "DeliveryAttempts") && c.variable == "DELIVERY_ATTEMPTS"
				if !named || !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
					t.Errorf("got %q, want %s and %q in one line", text, c.variable, c.want)
				}
			}
		})
	}
}

// A configuration that a program made by hand has the defaults of the environment's.
func TestDefaultsOfAConfigMadeByHand(t *testing.T) {
	cfg := app.Config{
		Config: shared(t, "http://127.0.0.1:1"), SMTPAddr: "127.0.0.1:1025", WebhookURL: "http://127.0.0.1:1", WebhookSecret: channeltest.Secret,
	}
	cfg.Auth.Mode = "none"
	s, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Workers) != 2 {
		t.Errorf("%d workers, want one per channel", len(s.Workers))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
