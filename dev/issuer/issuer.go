// Package issuer is a small OpenID Connect issuer for development: it publishes its key, and signs a token for whoever holds
// its data directory. There is no login.
package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"orderflow.example/dev/internal/httpd"
)

// Config configures Start.
type Config struct {
	Addr    string // "127.0.0.1:0" when empty. Tokens name the address, so they outlive a restart only on a fixed port.
	URL     string // what tokens name as their issuer; "http://" and the address when empty
	DataDir string // holds issuer-key.pem; created if missing
	Log     *slog.Logger
}

// Issuer is a running issuer. It signs tokens as its Signer does.
type Issuer struct {
	*Signer
	server *httpd.Server
}

// Start loads the key, or makes one, and listens. Errors name the address or the file that is at fault.
func Start(cfg Config) (*Issuer, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	signer, err := Open(cfg.DataDir, cfg.URL)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	server, err := httpd.Start(cfg.Addr, mux)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if cfg.URL == "" {
		signer.url = server.URL()
	}
	if err := publish(mux, signer); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	cfg.Log.Info("issuer is ready", "url", signer.URL())
	return &Issuer{Signer: signer, server: server}, nil
}

// Close stops listening.
func (i *Issuer) Close() error { return i.server.Close() }

// publish serves the discovery document and the public key under the path of the issuer's URL.
func publish(mux *http.ServeMux, s *Signer) error {
	discovery, err := json.Marshal(map[string]any{
		"issuer":                                s.url,
		"jwks_uri":                              s.url + "/keys",
		"authorization_endpoint":                s.url + "/authorize", // the standard asks for it; there is no login here
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(algorithm)},
		"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "name", "email", "roles"},
	})
	if err != nil {
		return err
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.public()}})
	if err != nil {
		return err
	}
	base := ""
	if _, rest, ok := strings.Cut(s.url, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			base = rest[slash:]
		}
	}
	serve := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body) // the client has gone when this fails
		}
	}
	mux.HandleFunc("GET "+base+"/.well-known/openid-configuration", serve(discovery))
	mux.HandleFunc("GET "+base+"/keys", serve(keys))
	return nil
}
