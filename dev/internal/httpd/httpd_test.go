package httpd_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderflow.example/dev/internal/httpd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCloseLetsACallFinish(t *testing.T) {
	entered, finish := make(chan struct{}), make(chan struct{})
	server, err := httpd.Start("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-finish
		if _, err := io.WriteString(w, "done"); err != nil {
			t.Error(err)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(server.URL() + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(body)
	}()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	close(finish)
	if got := <-answer; got != "done" {
		t.Fatalf("the call under way was answered %q", got)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

func TestAddressInUseIsNamed(t *testing.T) {
	server, err := httpd.Start("127.0.0.1:0", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	_, err = httpd.Start(server.Addr(), http.NotFoundHandler())
	if err == nil || !strings.Contains(err.Error(), server.Addr()) || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("error %v does not say that %s is in use", err, server.Addr())
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
