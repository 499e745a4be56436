package issuer_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/goleak"

	"orderflow.example/dev/issuer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg issuer.Config) *issuer.Issuer {
	t.Helper()
	i, err := issuer.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// verify does what a service does with a token.
func verify(t *testing.T, url, audience, token string) (*oidc.IDToken, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ctx := oidc.ClientContext(context.Background(), client)
	provider, err := oidc.NewProvider(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
}

func sign(t *testing.T, s *issuer.Signer, spec issuer.TokenSpec) string {
	t.Helper()
	token, err := s.Token(spec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenVerifies(t *testing.T) {
	i := start(t, issuer.Config{DataDir: t.TempDir()})
	defer stop(t, i)
	issued := time.Now().Truncate(time.Second)
	token, err := verify(t, i.URL(), "orderflow", sign(t, i.Signer, issuer.TokenSpec{Subject: "u123", Name: "김하나", Email: "u123@example.com",
		Roles: []string{"staff", "support"}, Audience: []string{"other", "orderflow"}, Lifetime: 2 * time.Hour, IssuedAt: issued}))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Name, Email string
		Roles       []string
	}
	if err := token.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if token.Subject != "u123" || token.Issuer != i.URL() || !token.IssuedAt.Equal(issued) || !token.Expiry.Equal(issued.Add(2*time.Hour)) {
		t.Fatalf("token %+v", token)
	}
	if claims.Name != "김하나" || claims.Email != "u123@example.com" || !reflect.DeepEqual(claims.Roles, []string{"staff", "support"}) {
		t.Fatalf("claims %+v", claims)
	}
}

func TestTokensThatMustNotVerify(t *testing.T) {
	i, stranger := start(t, issuer.Config{DataDir: t.TempDir()}), start(t, issuer.Config{DataDir: t.TempDir()})
	defer stop(t, i)
	defer stop(t, stranger)
	forger, err := issuer.Open(t.TempDir(), i.URL())
	if err != nil {
		t.Fatal(err)
	}
	good := issuer.TokenSpec{Subject: "u", Audience: []string{"orderflow"}}
	expired := good
	expired.Lifetime = -time.Minute
	for name, token := range map[string]string{
		"expired":        sign(t, i.Signer, expired),
		"of another":     sign(t, stranger.Signer, good),
		"of another key": sign(t, forger, good),
		"other audience": sign(t, i.Signer, issuer.TokenSpec{Subject: "u", Audience: []string{"elsewhere"}}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify(t, i.URL(), "orderflow", token); err == nil {
				t.Fatal("it was accepted")
			}
		})
	}
	for name, spec := range map[string]issuer.TokenSpec{"no subject": {Audience: []string{"a"}}, "no audience": {Subject: "u"}} {
		if _, err := i.Token(spec); err == nil {
			t.Errorf("%s: a token was signed", name)
		}
	}
}

func TestTokensOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	i := start(t, issuer.Config{DataDir: dir})
	addr, url := strings.TrimPrefix(i.URL(), "http://"), i.URL()
	before := sign(t, i.Signer, issuer.TokenSpec{Subject: "u", Audience: []string{"orderflow"}})
	stop(t, i)
	offline, err := issuer.Open(dir, url) // as a command does that runs beside the platform
	if err != nil {
		t.Fatal(err)
	}
	between := sign(t, offline, issuer.TokenSpec{Subject: "u", Audience: []string{"orderflow"}})
	info, err := os.Stat(filepath.Join(dir, "issuer-key.pem"))
	if err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Fatalf("the key file: %v %v", info, err)
	}
	i = start(t, issuer.Config{DataDir: dir, Addr: addr})
	defer stop(t, i)
	for _, token := range []string{before, between} {
		if _, err := verify(t, url, "orderflow", token); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherURLThanTheAddress(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.Addr().String()
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + strings.Replace(addr, "127.0.0.1", "localhost", 1) + "/realms/dev"
	i := start(t, issuer.Config{DataDir: t.TempDir(), Addr: addr, URL: url + "/"})
	defer stop(t, i)
	if _, err := verify(t, url, "orderflow", sign(t, i.Signer, issuer.TokenSpec{Subject: "u", Audience: []string{"orderflow"}})); err != nil {
		t.Fatal(err)
	}
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(t.TempDir(), "file")
	bad := t.TempDir()
	rsa := t.TempDir()
	err = errors.Join(os.WriteFile(file, nil, 0o600),
		os.WriteFile(filepath.Join(bad, "issuer-key.pem"), []byte("?"), 0o600),
		os.WriteFile(filepath.Join(rsa, "issuer-key.pem"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  issuer.Config
		want string
	}{
		"port in use":     {issuer.Config{Addr: taken.Addr().String(), DataDir: t.TempDir()}, taken.Addr().String()},
		"not a directory": {issuer.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":      {issuer.Config{}, "DataDir"},
		"no key":          {issuer.Config{DataDir: bad}, filepath.Join(bad, "issuer-key.pem")},
		"a broken key":    {issuer.Config{DataDir: rsa}, filepath.Join(rsa, "issuer-key.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := issuer.Start(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}

func stop(t *testing.T, i *issuer.Issuer) {
	t.Helper()
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
