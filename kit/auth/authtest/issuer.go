// Package authtest has an OIDC issuer for tests: discovery and keys over HTTP, and tokens of any kind.
package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"orderflow.example/kit/auth"
)

// Audience is what the tokens are for.
const Audience = "orderflow-test"

// Issuer issues tokens and publishes its keys at URL.
type Issuer struct {
	URL string

	t        testing.TB
	mu       sync.Mutex
	key      jose.JSONWebKey
	keys     []jose.JSONWebKey // published
	keyReads int
	down     bool
}

// NewIssuer starts an issuer that ends with the test.
func NewIssuer(t testing.TB) *Issuer {
	i := &Issuer{t: t}
	i.Rotate()
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Config makes a verifier trust the issuer.
func (i *Issuer) Config() auth.Config {
	return auth.Config{Mode: auth.ModeOIDC, Issuer: i.URL, Audience: Audience}
}

// Rotate makes a new key, which signs from now on, and withdraws all others.
func (i *Issuer) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = jose.JSONWebKey{Key: key, KeyID: strconv.FormatInt(time.Now().UnixNano(), 36), Algorithm: string(jose.ES256), Use: "sig"}
	i.keys = []jose.JSONWebKey{i.key.Public()}
}

// SetDown makes the issuer answer 503, or answer again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// KeyReads tells how often the keys have been read.
func (i *Issuer) KeyReads() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keyReads
}

// Claims are those of a good token for the next hour. Change what a test is about.
func (i *Issuer) Claims(subject string, roles ...string) map[string]any {
	return map[string]any{
		"iss": i.URL, "aud": []string{Audience}, "sub": subject, "roles": roles,
		"name": "Name of " + subject, "email": subject + "@mail.example",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
}

// Token is a good token.
func (i *Issuer) Token(subject string, roles ...string) string {
	return i.Sign(i.Claims(subject, roles...))
}

// Sign signs claims with the current key.
func (i *Issuer) Sign(claims map[string]any) string {
	i.mu.Lock()
	key := i.key
	i.mu.Unlock()
	return i.SignWith(jose.ES256, key, claims)
}

// SignWith signs claims with any algorithm and key, which the issuer need not know.
func (i *Issuer) SignWith(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	i.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, err := json.Marshal(maps.Clone(claims))
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			// More than what may be used: the verifier must not let the issuer choose.
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "ES384"},
		}
	case "/keys":
		i.keyReads++
		answer = jose.JSONWebKeySet{Keys: i.keys}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		i.t.Error(err)
	}
}
