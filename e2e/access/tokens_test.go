package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"orderflow.example/dev/platform"
)

// mint signs tokens as the platform's issuer does, and as those do who would like to be it.
type mint struct {
	*testing.T
	issuer string
	kid    string
	key    *ecdsa.PrivateKey
}

func newMint(t *testing.T, p *platform.Platform, dataDir string) *mint {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "issuer", "issuer-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	genuine, err := platform.Token(p.Issuer.Signer, "any")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSigned(genuine, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return &mint{T: t, issuer: p.Issuer.URL(), kid: parsed.Signatures[0].Header.KeyID, key: key.(*ecdsa.PrivateKey)}
}

func (m *mint) claims(subject string, roles ...string) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": m.issuer, "aud": platform.Audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"name": "Customer " + subject, "email": subject + "@customers.example", "roles": append([]string{}, roles...),
	}
	if subject == ada {
		claims["name"], claims["email"] = adaName, adaEmail
	}
	return claims
}

// token is a good one.
func (m *mint) token(subject string, roles ...string) string {
	return m.sign(jose.ES256, m.key, m.kid, m.claims(subject, roles...))
}

func (m *mint) sign(algorithm jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	m.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		m.Fatal(err)
	}
	signed, err := signer.Sign(m.json(claims))
	if err != nil {
		m.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		m.Fatal(err)
	}
	return text
}

func (m *mint) json(value any) []byte {
	m.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		m.Fatal(err)
	}
	return text
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// bad are the credentials that nobody must get in with. Each would be the owner's, with every role, if it were believed.
func (m *mint) bad() map[string][]string {
	m.Helper()
	foreignEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.Fatal(err)
	}
	foreignRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		m.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&m.key.PublicKey)
	if err != nil {
		m.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	all := m.claims(ada, roles...)
	with := func(claim string, value any) string {
		changed := maps.Clone(all)
		if changed[claim] = value; value == nil {
			delete(changed, claim)
		}
		return m.sign(jose.ES256, m.key, m.kid, changed)
	}
	good := m.sign(jose.ES256, m.key, m.kid, all)
	part := func(text string, i int) string { return strings.Split(text, ".")[i] }
	none := base64.RawURLEncoding.EncodeToString(m.json(map[string]any{"alg": "none", "typ": "JWT", "kid": m.kid}))
	hour := time.Hour
	return map[string][]string{
		"no token":                        nil,
		"expired":                         bearer(with("exp", time.Now().Add(-hour).Unix())),
		"without expiry":                  bearer(with("exp", nil)),
		"not yet valid":                   bearer(with("nbf", time.Now().Add(hour).Unix())),
		"wrong issuer":                    bearer(with("iss", "https://issuer.example")),
		"wrong audience":                  bearer(with("aud", "elsewhere")),
		"without audience":                bearer(with("aud", nil)),
		"without subject":                 bearer(with("sub", nil)),
		"empty subject":                   bearer(with("sub", "")),
		"alg none":                        bearer(none + "." + part(good, 1) + "."),
		"alg none, signed":                bearer(none + "." + part(good, 1) + "." + part(good, 2)),
		"HS256 with the public key, PEM":  bearer(m.sign(jose.HS256, publicPEM, m.kid, all)),
		"HS256 with the public key, DER":  bearer(m.sign(jose.HS256, public, m.kid, all)),
		"RS256 with a foreign key":        bearer(m.sign(jose.RS256, foreignRSA, m.kid, all)),
		"ES256 with a foreign key":        bearer(m.sign(jose.ES256, foreignEC, m.kid, all)),
		"a kid that is not there":         bearer(m.sign(jose.ES256, foreignEC, "unknown", all)),
		"no kid, a foreign key":           bearer(m.sign(jose.ES256, foreignEC, "", all)),
		"another's payload":               bearer(part(m.token(bob), 0) + "." + part(good, 1) + "." + part(m.token(bob), 2)),
		"no signature":                    bearer(part(good, 0) + "." + part(good, 1) + "."),
		"malformed":                       bearer("abc"),
		"malformed, three parts":          bearer("a.b.c"),
		"huge":                            bearer(strings.Repeat("x", 9000)),
		"empty":                           {"Authorization", "Bearer "},
		"another scheme":                  {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(ada+":"+good))},
		"the good one in forged headers":  m.forged(good),
		"two tokens":                      append(bearer(good), bearer(good)...),
		"the good one after a bad scheme": {"Authorization", "Digest x, Bearer " + good},
	}
}

// forged are headers by which a gateway, a proxy or a service mesh may tell who calls. Here they mean nothing.
func (m *mint) forged(token string) []string {
	return []string{
		"Grpc-Metadata-Authorization", "Bearer " + token,
		"Grpcgateway-Authorization", "Bearer " + token,
		"X-Forwarded-Authorization", "Bearer " + token,
		"X-Forwarded-Access-Token", token,
		"Proxy-Authorization", "Bearer " + token,
		"Cookie", "Authorization=Bearer " + token,
		"X-Forwarded-User", ada, "X-Forwarded-Email", adaEmail, "X-Remote-User", ada, "X-User-Id", ada,
		"Grpc-Metadata-Sub", ada, "Grpc-Metadata-Subject", ada, "Grpc-Metadata-X-User-Id", ada, "Grpc-Metadata-Roles", "staff",
		"Grpcgateway-Sub", ada, "X-Roles", "staff,service", "X-Forwarded-Groups", "staff",
		"X-Forwarded-For", "127.0.0.1", "X-Forwarded-Host", "localhost", "X-Real-Ip", "127.0.0.1", "Forwarded", "for=127.0.0.1;host=localhost",
		"X-Forwarded-Client-Cert", "By=spiffe://orderflow/service;Subject=\"CN=service\"",
		"X-Http-Method-Override", "GET",
	}
}
