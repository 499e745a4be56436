package server_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

// startTLS serves with a certificate called "first", and asks clients for one of clients' when there are any.
func startTLS(t *testing.T, of, clients *authority) (*rig, pemFiles) {
	t.Helper()
	files := newPEMFiles(t)
	cert, key := of.issue("first")
	writeFile(t, files.cert, cert)
	writeFile(t, files.key, key)
	r := start(t, func(c *server.Config) {
		c.TLS = server.TLSConfig{CertFile: files.cert, KeyFile: files.key, ReloadEvery: 5 * time.Millisecond}
		if clients != nil {
			writeFile(t, files.ca, clients.pem())
			c.TLS.ClientCAFile = files.ca
		}
	})
	return r, files
}

// overTLS asks for a shelf on a new connection and tells the server's certificate and the protocol.
func (r *rig) overTLS(config *tls.Config) (name, protocol string, err error) {
	r.t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: config.NextProtos == nil, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(strings.Replace(r.http, "http:", "https:", 1) + "/v1/shelves/1")
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%v %v", resp.Status, err)
	}
	return resp.TLS.PeerCertificates[0].Subject.CommonName, resp.Proto, nil
}

// callTLS calls over gRPC on a new connection.
func (r *rig) callTLS(creds credentials.TransportCredentials) error {
	r.t.Helper()
	conn, err := grpc.NewClient(r.grpc, grpc.WithTransportCredentials(creds))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the call tells all there is to know
	_, err = testpb.NewShelfServiceClient(conn).GetShelf(r.t.Context(), &testpb.GetShelfRequest{Id: "1"})
	return err
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, nil)
	if name, protocol, err := r.overTLS(ca.client(ca, "")); name != "first" || protocol != "HTTP/2.0" || err != nil {
		t.Errorf("HTTP/2: %q %q %v", name, protocol, err)
	}
	old := ca.client(ca, "")
	old.NextProtos = []string{"http/1.1"}
	if _, protocol, err := r.overTLS(old); protocol != "HTTP/1.1" || err != nil {
		t.Errorf("HTTP/1.1: %q %v", protocol, err)
	}
	if err := r.callTLS(credentials.NewTLS(ca.client(ca, ""))); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	// Plain text gets nowhere.
	if resp, body := r.request(http.MethodGet, "/v1/shelves/1", ""); resp.StatusCode != http.StatusBadRequest || strings.Contains(body, "shelf") {
		t.Errorf("plain REST: HTTP %d %s", resp.StatusCode, body)
	}
	client, ctx := r.dial("")
	if _, err := client.GetShelf(ctx, &testpb.GetShelfRequest{Id: "1"}); status.Code(err) != codes.Unavailable {
		t.Errorf("plain gRPC: %v", err)
	}
	// The admin port stays plain: probes and the healthcheck command ask it.
	if code, body := r.get("/health/live"); code != http.StatusOK {
		t.Errorf("admin: HTTP %d %s", code, body)
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, "tls_certificate_expiry_timestamp_seconds ") || !strings.Contains(text, "\ntls_reload_failed 0\n") {
		t.Error("no metrics of the certificate")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, nil)
	old := ca.client(ca, "")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, _, err := r.overTLS(old); err == nil {
		t.Error("TLS 1.1 is served")
	}
}

func TestClientCertificates(t *testing.T) {
	ca, clients, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	r, files := startTLS(t, ca, clients)
	refused := func(what string, config *tls.Config) {
		t.Helper()
		if _, _, err := r.overTLS(config.Clone()); err == nil {
			t.Errorf("REST serves a client with %s", what)
		}
		if err := r.callTLS(credentials.NewTLS(config)); status.Code(err) != codes.Unavailable {
			t.Errorf("gRPC serves a client with %s: %v", what, err)
		}
	}
	served := func(what string, config *tls.Config) {
		t.Helper()
		if _, _, err := r.overTLS(config.Clone()); err != nil {
			t.Errorf("REST, %s: %v", what, err)
		}
		if err := r.callTLS(credentials.NewTLS(config)); err != nil {
			t.Errorf("gRPC, %s: %v", what, err)
		}
	}
	served("a certificate", clients.client(ca, "caller"))
	refused("no certificate", clients.client(ca, ""))
	refused("a stranger's certificate", strangers.client(ca, "caller"))

	// The authority of the clients is reloaded, too; a session of before does not come back by its ticket.
	before := clients.client(ca, "caller")
	before.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	served("a certificate before the change", before)
	writeFile(t, files.ca, strangers.pem())
	eventually(t, "the new authority counts", func() bool {
		_, _, err := r.overTLS(strangers.client(ca, "caller"))
		return err == nil
	})
	refused("a certificate of the authority before", before)
}

func TestCertificatesAreReloaded(t *testing.T) {
	ca := newAuthority(t)
	r, files := startTLS(t, ca, nil)
	shows := func(want string) bool {
		name, _, err := r.overTLS(ca.client(ca, ""))
		if err != nil {
			t.Fatal(err)
		}
		return name == want
	}
	if !shows("first") {
		t.Fatal("not the first certificate")
	}
	// A broken file: the certificate stays, the log and a metric tell, once.
	writeFile(t, files.cert, []byte("half a certif"))
	eventually(t, "the metric tells", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, "\ntls_reload_failed 1\n")
	})
	if !shows("first") {
		t.Error("the good certificate is gone")
	}
	lines := r.log.lines(t, "certificate not reloaded, the one before stays")
	if len(lines) != 1 || lines[0]["level"] != "ERROR" || !strings.Contains(lines[0]["error"].(string), files.cert) {
		t.Errorf("%v", lines)
	}
	// A good one is taken.
	cert, key := ca.issue("second")
	writeFile(t, files.key, key)
	writeFile(t, files.cert, cert)
	eventually(t, "the second certificate", func() bool { return shows("second") })
	eventually(t, "the metric tells", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, "\ntls_reload_failed 0\n")
	})
	if err := r.callTLS(credentials.NewTLS(ca.client(ca, ""))); err != nil {
		t.Error(err)
	}
	if log := r.log.String(); strings.Contains(log, "PRIVATE KEY") {
		t.Error("the key is in the log")
	}
}

func TestTLSVariablesAreChecked(t *testing.T) {
	ca := newAuthority(t)
	files := newPEMFiles(t)
	cert, key := ca.issue("a")
	_, other := ca.issue("b")
	writeFile(t, files.cert, cert)
	writeFile(t, files.key, key)
	otherKey, noPEM, missing := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "text"), filepath.Join(t.TempDir(), "none")
	writeFile(t, otherKey, other)
	writeFile(t, noPEM, []byte("hello"))
	for _, tt := range []struct {
		name string
		tls  server.TLSConfig
		want string
	}{
		{"no key", server.TLSConfig{CertFile: files.cert}, "TLS_KEY_FILE is empty"},
		{"no certificate", server.TLSConfig{KeyFile: files.key}, "TLS_CERT_FILE is empty"},
		{"clients only", server.TLSConfig{ClientCAFile: files.cert}, "TLS_CERT_FILE is empty"},
		{"no such file", server.TLSConfig{CertFile: missing, KeyFile: files.key}, "TLS_CERT_FILE=\"" + missing + "\": no such file"},
		{"no such key", server.TLSConfig{CertFile: files.cert, KeyFile: missing}, "TLS_KEY_FILE=\"" + missing + "\": no such file"},
		{"not PEM", server.TLSConfig{CertFile: noPEM, KeyFile: files.key}, "TLS_CERT_FILE"},
		{"another's key", server.TLSConfig{CertFile: files.cert, KeyFile: otherKey}, "does not match"},
		{"no authority", server.TLSConfig{CertFile: files.cert, KeyFile: files.key, ClientCAFile: noPEM}, "TLS_CLIENT_CA_FILE=\"" + noPEM + "\": holds no certificate"},
		{"version", server.TLSConfig{CertFile: files.cert, KeyFile: files.key, MinVersion: "1.1"}, `TLS_MIN_VERSION="1.1": allowed are 1.2 and 1.3`},
	} {
		cfg := loopback()
		cfg.TLS = tt.tls
		_, err := server.Listen(cfg, options(t, authtest.NewIssuer(t), &shelves{}, io.Discard))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}
