package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func verifier(t *testing.T, cfg auth.Config) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return errs.From(err).Reason
}

func TestVerify(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(claim string, value any) map[string]any {
		claims := issuer.Claims("u1")
		if claims[claim] = value; value == nil {
			delete(claims, claim)
		}
		return claims
	}
	good := issuer.Token("u1", "staff")
	tests := []struct {
		name, token, reason string
	}{
		{"good", good, ""},
		{"expired", issuer.Sign(with("exp", time.Now().Add(-time.Second).Unix())), "TOKEN_EXPIRED"},
		{"without expiry", issuer.Sign(with("exp", nil)), "TOKEN_EXPIRED"},
		{"not yet valid", issuer.Sign(with("nbf", time.Now().Add(time.Hour).Unix())), "TOKEN_INVALID"},
		{"wrong audience", issuer.Sign(with("aud", "someone-else")), "TOKEN_INVALID"},
		{"without audience", issuer.Sign(with("aud", nil)), "TOKEN_INVALID"},
		{"wrong issuer", issuer.Sign(with("iss", "https://other.example")), "TOKEN_INVALID"},
		{"without subject", issuer.Sign(with("sub", nil)), "TOKEN_INVALID"},
		{"roles that are no list", issuer.Sign(with("roles", "staff")), "TOKEN_INVALID"},
		{"unknown key", issuer.SignWith(jose.ES256, jose.JSONWebKey{Key: foreign, KeyID: "unknown"}, issuer.Claims("u1")), "TOKEN_INVALID"},
		{"unknown key without id", issuer.SignWith(jose.ES256, foreign, issuer.Claims("u1")), "TOKEN_INVALID"},
		{"symmetric algorithm", issuer.SignWith(jose.HS256, []byte("0123456789abcdef0123456789abcdef"), issuer.Claims("u1")), "TOKEN_INVALID"},
		{"algorithm that is not pinned", issuer.SignWith(jose.PS256, rsaKey, issuer.Claims("u1")), "TOKEN_INVALID"},
		{"algorithm none", "eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".", "TOKEN_INVALID"},
		{"changed signature", good[:len(good)-4] + "AAAA", "TOKEN_INVALID"},
		{"no JWT", "abc", "TOKEN_INVALID"},
	}
	v := verifier(t, issuer.Config())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			principal, err := v.Verify(t.Context(), tt.token)
			if got := reasonOf(err); got != tt.reason {
				t.Fatalf("reason %q (%v), want %q", got, err, tt.reason)
			}
			want := auth.Principal{}
			if tt.reason == "" {
				want = auth.Principal{Subject: "u1", Name: "Name of u1", Email: "u1@mail.example", Roles: []string{"staff"}}
			} else if code := errs.From(err).Code; code != errs.Unauthenticated {
				t.Errorf("code %v", code)
			}
			if left := time.Until(principal.Expires); tt.reason == "" && (left <= 0 || left > time.Hour) {
				t.Errorf("the principal expires in %s", left)
			}
			principal.Expires = time.Time{}
			if !reflect.DeepEqual(principal, want) {
				t.Errorf("principal %+v, want %+v", principal, want)
			}
		})
	}
}

func TestKeyRotation(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	if _, err := v.Verify(t.Context(), issuer.Token("u1")); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	if _, err := v.Verify(t.Context(), issuer.Token("u2")); err != nil {
		t.Fatalf("a token of the new key: %v", err)
	}
}

// Whatever the number of tokens with made-up keys, the issuer is asked for its keys once a second.
func TestUnknownKeysAreNoFloodAtTheIssuer(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	if _, err := v.Verify(t.Context(), issuer.Token("u1")); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			token := issuer.SignWith(jose.ES256, jose.JSONWebKey{Key: key, KeyID: rand.Text()}, issuer.Claims("u1"))
			if _, err := v.Verify(t.Context(), token); reasonOf(err) != "TOKEN_INVALID" {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if reads, most := issuer.KeyReads(), 2+int(time.Since(began).Seconds()); reads > most {
		t.Errorf("%d reads of the keys, want at most %d", reads, most)
	}
}

func TestGoodTokenIsVerifiedOnce(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	token := issuer.Token("u1")
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate() // only the cache knows the token now
	issuer.SetDown(true)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a token that was verified a moment ago: %v", err)
	}
}

// The issuer may start later than the service, and go away for a while.
func TestIssuerThatIsDown(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	issuer.SetDown(true)
	v := verifier(t, issuer.Config())
	token := issuer.Token("u1")
	_, err := v.Verify(t.Context(), token)
	if e := errs.From(err); e.Code != errs.Unavailable || e.Reason != "ISSUER_UNAVAILABLE" || e.RetryAfter <= 0 {
		t.Fatalf("%v %s", e.Code, e.Reason)
	}
	if strings.Contains(errs.From(err).Message, issuer.URL) {
		t.Error("the message tells callers where the issuer is")
	}
	if v.Check(t.Context()) == nil {
		t.Error("ready without an issuer")
	}
	issuer.SetDown(false)
	deadline := time.Now().Add(10 * time.Second)
	for v.Check(t.Context()) != nil {
		if time.Now().After(deadline) {
			t.Fatal("not ready though the issuer is up")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	issuer.SetDown(true)
	if err := v.Check(t.Context()); err != nil {
		t.Errorf("not ready though the keys are known: %v", err)
	}
}

func TestKeysThatDoNotAnswer(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer.SetDown(true)
	if _, err := v.Verify(t.Context(), issuer.Token("u1")); reasonOf(err) != "ISSUER_UNAVAILABLE" {
		t.Errorf("%v", err)
	}
}

func TestCallerThatGivesUpIsNoFaultOfTheToken(t *testing.T) {
	asked := make(chan struct{})
	release := make(chan struct{})
	var url string
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			_, _ = w.Write([]byte(`{"issuer":"` + url + `","jwks_uri":"` + url + `/keys"}`))
			return
		}
		close(asked)
		<-release
	}))
	defer slow.Close()
	defer close(release)
	url = slow.URL
	v := verifier(t, auth.Config{Mode: auth.ModeOIDC, Issuer: url, Audience: authtest.Audience})

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := v.Verify(ctx, authtest.NewIssuer(t).Token("u1"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A key that the issuer has withdrawn is forgotten when the issuer is asked anew, and kept while it can't be asked.
func TestWithdrawnKeyIsForgotten(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	old := issuer.Token("u1")
	if _, err := v.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	issuer.SetDown(true)
	later := time.Now().Add(11 * time.Minute)
	v.SetNow(func() time.Time { return later })
	if _, err := v.Verify(t.Context(), old); err != nil {
		t.Errorf("the issuer is down, what is known goes on to count: %v", err)
	}
	issuer.SetDown(false)
	evenLater := later.Add(11 * time.Minute)
	v.SetNow(func() time.Time { return evenLater })
	if _, err := v.Verify(t.Context(), old); reasonOf(err) != "TOKEN_INVALID" {
		t.Errorf("a token of a withdrawn key: %v", err)
	}
	if _, err := v.Verify(t.Context(), issuer.Token("u1")); err != nil {
		t.Error(err)
	}
}

// A token that was verified before counts until it expires, and no longer.
func TestCacheKeepsToTheExpiry(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	claims := issuer.Claims("u1")
	claims["exp"] = time.Now().Add(time.Minute).Unix()
	token := issuer.Sign(claims)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	v.SetNow(func() time.Time { return time.Now().Add(time.Minute) })
	if _, err := v.Verify(t.Context(), token); reasonOf(err) != "TOKEN_EXPIRED" {
		t.Errorf("%v", err)
	}
}
