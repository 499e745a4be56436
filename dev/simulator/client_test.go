package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/dev/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider is a running simulator and a client for it.
type provider struct {
	t *testing.T
	*simulator.Simulator
	client *http.Client
	keys   int
}

func start(t *testing.T, cfg simulator.Config) *provider {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	sim, err := simulator.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, Simulator: sim, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	t.Cleanup(p.stop)
	return p
}

// stop may be called again.
func (p *provider) stop() {
	if p.Simulator == nil {
		return
	}
	p.client.CloseIdleConnections()
	if err := p.Close(); err != nil {
		p.t.Error(err)
	}
	p.Simulator = nil
}

type reply struct {
	status   int
	replayed bool
	raw      string
	err      error // no answer came
}

func (r reply) code() string {
	var body struct {
		Error simulator.Error `json:"error"`
	}
	if json.Unmarshal([]byte(r.raw), &body) != nil {
		return "not JSON"
	}
	return body.Error.Code
}

func as[T any](t *testing.T, r reply, status int) T {
	t.Helper()
	if r.err != nil || r.status != status {
		t.Fatalf("answered %d %s %v, want %d", r.status, r.raw, r.err, status)
	}
	var out T
	if err := json.Unmarshal([]byte(r.raw), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *provider) do(method, path, key, body string) reply {
	p.t.Helper()
	req, err := http.NewRequest(method, p.URL()+path, bytes.NewBufferString(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{err: err}
	}
	if !json.Valid(raw) || resp.Header.Get("Content-Type") != "application/json" {
		p.t.Errorf("%s %s answered what is not JSON: %s", method, path, raw)
	}
	return reply{status: resp.StatusCode, raw: string(raw), replayed: resp.Header.Get("Idempotent-Replayed") == "true"}
}

// post uses a key of its own.
func (p *provider) post(path, body string) reply {
	p.t.Helper()
	p.keys++
	return p.do("POST", path, fmt.Sprintf("key-%d", p.keys), body)
}

func (p *provider) get(path string) reply {
	p.t.Helper()
	return p.do("GET", path, "", "")
}

func authorisation(token, reference string) string {
	return fmt.Sprintf(`{"amount":10000,"currency":"KRW","payment_token":%q,"reference":%q}`, token, reference)
}

func (p *provider) authorised(token, reference string) simulator.Payment {
	p.t.Helper()
	return as[simulator.Payment](p.t, p.post("/v1/payments", authorisation(token, reference)), 201)
}

func expectError(t *testing.T, r reply, status int, code string) {
	t.Helper()
	if r.err != nil || r.status != status || r.code() != code {
		t.Fatalf("answered %d %s %v, want %d %s", r.status, strings.TrimSpace(r.raw), r.err, status, code)
	}
}

// closeAtEnd closes what a test holds.
func closeAtEnd(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
