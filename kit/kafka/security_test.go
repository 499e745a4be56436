package kafka

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestClientsAuthenticate(t *testing.T) {
	for _, mechanism := range saslMechanisms {
		t.Run(mechanism, func(t *testing.T) {
			b := embedded(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "user", "secret"))
			b.SecurityProtocol, b.SASLMechanism, b.Username, b.Password = "SASL_PLAINTEXT", mechanism, "user", "secret"
			sendAndConsume(t, b)

			b.Password = "wrong"
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := b.producer(t).Send(ctx, numbered("orders", 1, 0, 1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with a wrong password: error %v, want the context's", err)
			}
		})
	}
}

func TestClientsSpeakTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil) // for its certificate, which is good for 127.0.0.1
	web.StartTLS()
	web.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(authority, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	b := embedded(t, kfake.TLS(&tls.Config{Certificates: web.TLS.Certificates}))
	b.SecurityProtocol, b.CAFile = "SSL", authority
	sendAndConsume(t, b)
}

func sendAndConsume(t *testing.T, b *broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := EnsureTopics(ctx, b.Config, 1, []Topic{{Name: "orders", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	in := &inbox{}
	b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle})
	send(t, b.producer(t), numbered("orders", 1, 0, 5)...)
	eventually(t, "5 records handled", func() bool { return in.distinct() == 5 })
}
