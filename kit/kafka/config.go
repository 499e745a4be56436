package kafka

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Config says how to reach the brokers; the same for producers, consumers and EnsureTopics.
type Config struct {
	Bootstrap        string `env:"KAFKA_BOOTSTRAP_SERVERS"`                        // host:port, comma-separated
	SecurityProtocol string `env:"KAFKA_SECURITY_PROTOCOL" envDefault:"PLAINTEXT"` // empty means PLAINTEXT
	SASLMechanism    string `env:"KAFKA_SASL_MECHANISM"`                           // with SASL_PLAINTEXT and SASL_SSL
	Username         string `env:"KAFKA_SASL_USERNAME"`                            //
	Password         string `env:"KAFKA_SASL_PASSWORD" json:"-"`                   //
	CAFile           string `env:"KAFKA_SSL_CA_LOCATION"`                          // PEM; empty: the system's authorities
	CertFile         string `env:"KAFKA_SSL_CERTIFICATE_LOCATION"`                 // PEM; the client's certificate, if brokers ask for one
	KeyFile          string `env:"KAFKA_SSL_KEY_LOCATION"`                         // PEM; its key
	TopicPrefix      string `env:"KAFKA_TOPIC_PREFIX"`                             // put before topics and consumer groups, so that environments can share brokers
}

var (
	securityProtocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
	saslMechanisms    = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	topicPrefix       = regexp.MustCompile(`^[A-Za-z0-9._-]{0,100}$`)
)

// Validate returns an error that names the variable, its value and what is allowed. A password is never shown.
func (c Config) Validate() error {
	if err := validateBootstrap(c.Bootstrap); err != nil {
		return err
	}
	if !topicPrefix.MatchString(c.TopicPrefix) {
		return fmt.Errorf("KAFKA_TOPIC_PREFIX is %q; allowed are at most 100 letters, digits, '.', '_' and '-'", c.TopicPrefix)
	}
	if !slices.Contains(securityProtocols, c.protocol()) {
		return fmt.Errorf("KAFKA_SECURITY_PROTOCOL is %q; allowed are %s", c.SecurityProtocol, strings.Join(securityProtocols, ", "))
	}
	if err := c.validateSASL(); err != nil {
		return err
	}
	return c.validateTLS()
}

func validateBootstrap(servers string) error {
	const allowed = "allowed is a comma-separated list of host:port"
	if servers == "" {
		return fmt.Errorf("KAFKA_BOOTSTRAP_SERVERS is not set; %s", allowed)
	}
	for _, server := range strings.Split(servers, ",") {
		host, port, err := net.SplitHostPort(strings.TrimSpace(server))
		number, notANumber := strconv.ParseUint(port, 10, 16) // librdkafka would wait for such a port for ever, and say nothing
		if err != nil || host == "" || notANumber != nil || number == 0 {
			return fmt.Errorf("KAFKA_BOOTSTRAP_SERVERS is %q; %s", servers, allowed)
		}
	}
	return nil
}

func (c Config) validateSASL() error {
	if !strings.HasPrefix(c.protocol(), "SASL_") {
		if c.SASLMechanism != "" {
			return fmt.Errorf("KAFKA_SASL_MECHANISM is %q; allowed only with KAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT or SASL_SSL, which is %q", c.SASLMechanism, c.protocol())
		}
		return nil
	}
	if !slices.Contains(saslMechanisms, c.SASLMechanism) {
		return fmt.Errorf("KAFKA_SASL_MECHANISM is %q; allowed with KAFKA_SECURITY_PROTOCOL %s are %s", c.SASLMechanism, c.protocol(), strings.Join(saslMechanisms, ", "))
	}
	if c.Username == "" || c.Password == "" {
		return fmt.Errorf("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must both be set with KAFKA_SASL_MECHANISM %s", c.SASLMechanism)
	}
	return nil
}

func (c Config) validateTLS() error {
	for _, file := range []struct{ variable, path string }{
		{"KAFKA_SSL_CA_LOCATION", c.CAFile},
		{"KAFKA_SSL_CERTIFICATE_LOCATION", c.CertFile},
		{"KAFKA_SSL_KEY_LOCATION", c.KeyFile},
	} {
		if file.path == "" {
			continue
		}
		if !c.tls() {
			return fmt.Errorf("%s is %q; allowed only with KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL, which is %q", file.variable, file.path, c.protocol())
		}
		if _, err := os.ReadFile(file.path); err != nil {
			return fmt.Errorf("%s is %q; allowed is a readable PEM file: %w", file.variable, file.path, err)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return fmt.Errorf("KAFKA_SSL_CERTIFICATE_LOCATION is %q and KAFKA_SSL_KEY_LOCATION is %q; allowed are both or none", c.CertFile, c.KeyFile)
	}
	return nil
}

func (c Config) protocol() string {
	if c.SecurityProtocol == "" {
		return "PLAINTEXT"
	}
	return c.SecurityProtocol
}

func (c Config) tls() bool { return strings.HasSuffix(c.protocol(), "SSL") }

// client returns librdkafka's settings that all clients share.
func (c Config) client(clientID string) ck.ConfigMap {
	conf := ck.ConfigMap{
		"bootstrap.servers":        c.Bootstrap,
		"client.id":                clientID,
		"security.protocol":        c.protocol(),
		"socket.timeout.ms":        30_000,
		"socket.nagle.disable":     true,
		"socket.keepalive.enable":  true,
		"reconnect.backoff.max.ms": 2000,  // the default, 10 s, is long after a broker's restart
		"log.connection.close":     false, // idle connections are closed by brokers all the time
		"enable.metrics.push":      false, // ours are scraped
	}
	if c.SASLMechanism != "" {
		conf["sasl.mechanisms"] = c.SASLMechanism
		conf["sasl.username"] = c.Username
		conf["sasl.password"] = c.Password
	}
	for key, path := range map[string]string{"ssl.ca.location": c.CAFile, "ssl.certificate.location": c.CertFile, "ssl.key.location": c.KeyFile} {
		if path != "" {
			conf[key] = path
		}
	}
	return conf
}
