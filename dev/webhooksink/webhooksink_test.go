package webhooksink_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/dev/webhooksink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg webhooksink.Config) *webhooksink.Sink {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	s, err := webhooksink.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// post returns the status, or 0 when no answer came.
func post(t *testing.T, s *webhooksink.Sink, path, id, body string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("Idempotency-Key", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func TestWebhooksAreKept(t *testing.T) {
	dir := t.TempDir()
	s := start(t, webhooksink.Config{DataDir: dir})
	for range 2 {
		if status := post(t, s, "/hooks/u1?v=1", "m1", `{"결제":"완료"}`); status != http.StatusNoContent {
			t.Fatalf("answered %d", status)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	hook, err := s.Wait(ctx, func(h webhooksink.Webhook) bool { return h.Header("Webhook-Id") == "m1" })
	if err != nil || hook.Path != "/hooks/u1" || hook.Query != "v=1" || hook.Method != http.MethodPost || hook.Body != `{"결제":"완료"}` || hook.ReceivedAt.IsZero() {
		t.Fatalf("webhook %+v %v", hook, err)
	}
	again := start(t, webhooksink.Config{DataDir: dir}) // as after kill -9
	if again.Count() != 2 || !reflect.DeepEqual(again.All(), s.All()) {
		t.Fatalf("read back %+v", again.All())
	}
	resp, err := http.Get(s.URL() + "/messages?limit=1")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(raw), `"count": 2`) {
		t.Fatalf("the listing: %d %s %v", resp.StatusCode, raw, err)
	}
}

func TestFailuresByPath(t *testing.T) {
	s := start(t, webhooksink.Config{SlowDelay: time.Millisecond})
	const taken, lost = http.StatusNoContent, 0
	for i, c := range []struct {
		path, id     string
		status, kept int
	}{
		{"/", "a", taken, 1},
		{"/bounce/u1", "a", 410, 1},
		{"/busy", "a", 503, 1}, {"/busy", "a", 503, 1},
		{"/busy-once/u1", "a", 503, 1}, {"/busy-once/u1", "a", taken, 2}, {"/busy-once/u1", "b", 503, 2}, {"/busy-once/u2", "a", 503, 2},
		{"/lost-once", "a", lost, 3}, {"/lost-once", "a", taken, 4},
		{"/slow", "a", taken, 5},
	} {
		if status := post(t, s, c.path, c.id, "{}"); status != c.status || s.Count() != c.kept {
			t.Fatalf("number %d, %s: answered %d with %d kept, want %d and %d", i, c.path, status, s.Count(), c.status, c.kept)
		}
	}
	if s.Refused() != 6 {
		t.Fatalf("refused %d", s.Refused())
	}
	s.SetUnavailable(true)
	if status := post(t, s, "/", "a", "{}"); status != 503 {
		t.Fatalf("answered %d", status)
	}
	s.SetUnavailable(false)
	if status := post(t, s, "/", "a", "{}"); status != taken {
		t.Fatalf("answered %d", status)
	}
	if status := post(t, s, "/", "a", strings.Repeat("x", 1<<20+1)); status != 413 {
		t.Fatalf("answered %d", status)
	}
}

func TestSlowAnswersLate(t *testing.T) {
	s := start(t, webhooksink.Config{SlowDelay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/slow", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	if _, err := s.Wait(t.Context(), func(webhooksink.Webhook) bool { return true }); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Fatalf("it was answered at once: %v", err)
	}
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  webhooksink.Config
		want string
	}{
		"port in use":     {webhooksink.Config{Addr: taken.Addr().String(), DataDir: t.TempDir()}, taken.Addr().String()},
		"not a directory": {webhooksink.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":      {webhooksink.Config{}, "DataDir"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := webhooksink.Start(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}
