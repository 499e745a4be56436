// Package authtest has an OIDC issuer for tests: discovery and keys over HTTP, and tokens of any kind.
package authtest

import (
	"crypto"
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
	keysDown bool
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
	i.keys = nil
	i.mu.Unlock()
	i.AddKey(jose.ES256, key)
}

// AddKey publishes another key beside the others, and signs with it from now on.
func (i *Issuer) AddKey(algorithm jose.SignatureAlgorithm, private crypto.Signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = jose.JSONWebKey{Key: private, KeyID: strconv.FormatInt(time.Now().UnixNano(), 36), Algorithm: string(algorithm), Use: "sig"}
	i.keys = append(i.keys, i.key.Public())
}

// SetKeysDown makes the keys alone answer 503, or answer again.
func (i *Issuer) SetKeysDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keysDown = down
}

// SetDown makes the issuer answer 503, or answer again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// KeyReads tells how often the keys have been asked for.
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
	return i.SignWith(jose.SignatureAlgorithm(key.Algorithm), key, claims)
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

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) { i.ServeAs(w, r, i.URL) }

// ServeAs answers as the issuer of another URL would, for a server that stands before this one.
func (i *Issuer) ServeAs(w http.ResponseWriter, r *http.Request, url string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.URL.Path == "/keys" {
		i.keyReads++
	}
	if i.down || i.keysDown && r.URL.Path == "/keys" {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": url, "jwks_uri": url + "/keys",
			// More than what may be used: the verifier must not let the issuer choose.
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "ES384"},
		}
	case "/keys":
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
