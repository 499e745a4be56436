package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
)

// poll waits until something holds.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		<-tick.C
	}
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// While the issuer publishes two keys, tokens of both count.
func TestOldKeyCountsWhileItIsPublished(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := issuer.Token("u1")
	issuer.AddKey(jose.RS256, newRSA(t))
	for name, token := range map[string]string{"new": issuer.Token("u2"), "old": old} {
		poll(t, "a token of the "+name+" key counts", func() bool {
			_, err := v.Verify(t.Context(), token)
			return err == nil
		})
	}
}

// What the issuer signs with is not what counts: the variable says.
func TestAlgorithmsArePinned(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := authtest.NewIssuer(t)
	tokens := map[string]string{"ES256": issuer.Token("u1")}
	issuer.AddKey(jose.RS256, newRSA(t))
	tokens["RS256"] = issuer.Token("u1")
	issuer.AddKey(jose.ES384, p384)
	tokens["ES384"] = issuer.Token("u1")
	for _, allowed := range [][]string{nil, {"ES256"}, {"RS256"}, {"ES384", "RS256"}} {
		cfg := issuer.Config()
		cfg.Algorithms = allowed
		v := verifier(t, cfg)
		if allowed == nil {
			allowed = []string{"RS256", "ES256"}
		}
		good := map[string]bool{}
		for _, algorithm := range allowed {
			good[algorithm] = true
		}
		for algorithm, token := range tokens {
			want := "TOKEN_INVALID"
			if good[algorithm] {
				want = ""
			}
			if _, err := v.Verify(t.Context(), token); reasonOf(err) != want {
				t.Errorf("%s where %v count: %v", algorithm, allowed, err)
			}
		}
	}
}

// When the time comes to ask the issuer anew and it tells its configuration but not its keys, the known ones go on to count.
func TestKnownKeysOutliveAnIssuerThatIsHalfAway(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer.SetKeysDown(true)
	later := time.Now().Add(11 * time.Minute)
	v.SetNow(func() time.Time { return later })
	claims := issuer.Claims("u1")
	good := func() {
		t.Helper()
		claims["jti"] = rand.Text() // so that the cache does not know it
		if _, err := v.Verify(t.Context(), issuer.Sign(claims)); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, "the keys are asked for", func() bool {
		good()
		return issuer.KeyReads() > 1
	})
	good()
	if err := v.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNotReadyWithoutKeys(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	issuer.SetKeysDown(true)
	v := verifier(t, issuer.Config())
	if v.Check(t.Context()) == nil {
		t.Error("ready though no token can be verified")
	}
	issuer.SetKeysDown(false)
	poll(t, "ready once the keys are there", func() bool { return v.Check(t.Context()) == nil })
}

// Keys that are no JSON are the issuer's fault, not the token's.
func TestKeysThatCanNotBeRead(t *testing.T) {
	var url string
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_, _ = w.Write([]byte("<html>"))
			return
		}
		_, _ = w.Write([]byte(`{"issuer":"` + url + `","jwks_uri":"` + url + `/keys"}`))
	}))
	defer broken.Close()
	url = broken.URL
	v := verifier(t, auth.Config{Mode: auth.ModeOIDC, Issuer: url, Audience: authtest.Audience})
	if _, err := v.Verify(t.Context(), authtest.NewIssuer(t).Token("u1")); reasonOf(err) != "ISSUER_UNAVAILABLE" {
		t.Errorf("%v", err)
	}
}

// An issuer that takes the connection and says nothing holds up nobody whose key is known.
func TestHangingIssuerHoldsUpNobody(t *testing.T) {
	genuine := authtest.NewIssuer(t)
	release := make(chan struct{})
	hang := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
			<-release
		default:
		}
		genuine.ServeAs(w, r, "http://"+r.Host)
	}))
	defer front.Close()
	defer close(release)
	v := verifier(t, auth.Config{Mode: auth.ModeOIDC, Issuer: front.URL, Audience: authtest.Audience})
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(hang)
	later := time.Now().Add(11 * time.Minute)
	v.SetNow(func() time.Time { return later })
	claims := genuine.Claims("u1")
	claims["iss"] = front.URL
	began := time.Now()
	if _, err := v.Verify(t.Context(), genuine.Sign(claims)); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}
