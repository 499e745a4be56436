package kafka

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caarlos0/env/v11"
)

func TestConfigComesFromTheEnvironment(t *testing.T) {
	var cfg Config
	err := env.ParseWithOptions(&cfg, env.Options{Environment: map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
		"KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "p", "KAFKA_SSL_CA_LOCATION": "ca", "KAFKA_SSL_CERTIFICATE_LOCATION": "crt",
		"KAFKA_SSL_KEY_LOCATION": "key", "KAFKA_TOPIC_PREFIX": "x.",
	}})
	want := Config{Bootstrap: "a:1,b:2", SecurityProtocol: "SASL_SSL", SASLMechanism: "SCRAM-SHA-512",
		Username: "u", Password: "p", CAFile: "ca", CertFile: "crt", KeyFile: "key", TopicPrefix: "x."}
	if err != nil || cfg != want {
		t.Errorf("got %+v, %v", cfg, err)
	}
	cfg = Config{}
	if err := env.ParseWithOptions(&cfg, env.Options{Environment: map[string]string{}}); err != nil || cfg.SecurityProtocol != "PLAINTEXT" {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestConfigValidate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, []byte("pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	scram := Config{Bootstrap: "b:1", SecurityProtocol: "SASL_PLAINTEXT", SASLMechanism: "SCRAM-SHA-256", Username: "u", Password: "hunter2"}
	with := func(c Config, change func(*Config)) Config { change(&c); return c }
	tests := []struct {
		name string
		cfg  Config
		want []string // the error holds these; nil: no error
	}{
		{"plain", Config{Bootstrap: "b:1"}, nil},
		{"several brokers", Config{Bootstrap: "b:1, [::1]:2", SecurityProtocol: "SSL", TopicPrefix: "team-a.dev_1."}, nil},
		{"files", Config{Bootstrap: "b:1", SecurityProtocol: "SSL", CAFile: file, CertFile: file, KeyFile: file}, nil},
		{"SCRAM", scram, nil},
		{"PLAIN", with(scram, func(c *Config) { c.SASLMechanism, c.SecurityProtocol, c.CAFile = "PLAIN", "SASL_SSL", file }), nil},
		{"no brokers", Config{}, []string{"KAFKA_BOOTSTRAP_SERVERS", "host:port"}},
		{"no port", Config{Bootstrap: "b:1,other"}, []string{"KAFKA_BOOTSTRAP_SERVERS", `"b:1,other"`, "host:port"}},
		{"no number for a port", Config{Bootstrap: "a:b"}, []string{"KAFKA_BOOTSTRAP_SERVERS", `"a:b"`, "host:port"}},
		{"port 0", Config{Bootstrap: "a:0"}, []string{"KAFKA_BOOTSTRAP_SERVERS", `"a:0"`, "host:port"}},
		{"port too high", Config{Bootstrap: "a:65536"}, []string{"KAFKA_BOOTSTRAP_SERVERS", `"a:65536"`, "host:port"}},
		{"prefix", Config{Bootstrap: "b:1", TopicPrefix: "a/b"}, []string{"KAFKA_TOPIC_PREFIX", `"a/b"`, "letters"}},
		{"protocol", Config{Bootstrap: "b:1", SecurityProtocol: "TLS"}, []string{"KAFKA_SECURITY_PROTOCOL", `"TLS"`, "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"}},
		{"mechanism", with(scram, func(c *Config) { c.SASLMechanism = "OAUTHBEARER" }), []string{"KAFKA_SASL_MECHANISM", `"OAUTHBEARER"`, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"}},
		{"no mechanism", with(scram, func(c *Config) { c.SASLMechanism = "" }), []string{"KAFKA_SASL_MECHANISM", `""`, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"}},
		{"mechanism without SASL", Config{Bootstrap: "b:1", SASLMechanism: "PLAIN"}, []string{"KAFKA_SASL_MECHANISM", "SASL_SSL"}},
		{"no user", with(scram, func(c *Config) { c.Username = "" }), []string{"KAFKA_SASL_USERNAME"}},
		{"no password", with(scram, func(c *Config) { c.Password = "" }), []string{"KAFKA_SASL_PASSWORD"}},
		{"missing file", Config{Bootstrap: "b:1", SecurityProtocol: "SSL", CAFile: "/not/there"}, []string{"KAFKA_SSL_CA_LOCATION", "/not/there", "PEM"}},
		{"file without TLS", Config{Bootstrap: "b:1", CAFile: file}, []string{"KAFKA_SSL_CA_LOCATION", "SSL"}},
		{"certificate without key", Config{Bootstrap: "b:1", SecurityProtocol: "SSL", CertFile: file}, []string{"KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION", "both"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.Validate()
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %s", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q shows the password", err)
			}
		})
	}
}
