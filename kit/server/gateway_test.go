package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/server"
)

// startWith runs a server with one more route, GET /x.
func startWith(t *testing.T, handler func(*runtime.ServeMux) runtime.HandlerFunc) *rig {
	t.Helper()
	return startOpts(t, nil, func(o *server.Options) {
		o.Gateway = append(o.Gateway, func(_ context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return mux.HandlePath(http.MethodGet, "/x", handler(mux))
		})
	})
}

// Whatever goes wrong in the gateway itself is told to the log, and to nobody else.
func TestFailuresOfTheGatewayTellNothingInternal(t *testing.T) {
	failWith := func(err error) func(*runtime.ServeMux) runtime.HandlerFunc {
		return func(mux *runtime.ServeMux) runtime.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
				runtime.HTTPError(r.Context(), mux, nil, w, r, err)
			}
		}
	}
	tests := []struct {
		name    string
		handler func(*runtime.ServeMux) runtime.HandlerFunc
		http    int
		status  string
		logged  bool
	}{
		{"panic", func(*runtime.ServeMux) runtime.HandlerFunc {
			return func(http.ResponseWriter, *http.Request, map[string]string) { panic(secret) }
		}, 500, "INTERNAL", true},
		{"internal", failWith(status.Error(codes.Internal, secret)), 500, "INTERNAL", true},
		{"unknown", failWith(errors.New(secret)), 500, "INTERNAL", true},
		{"unavailable", failWith(status.Error(codes.Unavailable, secret)), 503, "UNAVAILABLE", true},
		{"too late", failWith(status.Error(codes.DeadlineExceeded, secret)), 504, "DEADLINE_EXCEEDED", true},
		{"message too large", failWith(status.Error(codes.ResourceExhausted, secret)), 413, "RESOURCE_EXHAUSTED", false},
		{"bad parameter", failWith(status.Error(codes.InvalidArgument, secret)), 400, "INVALID_ARGUMENT", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startWith(t, tt.handler)
			resp, body := r.request(http.MethodGet, "/x", "")
			if e := parseError(t, body); resp.StatusCode != tt.http || e.Error.Status != tt.status || e.reason() == "" {
				t.Errorf("HTTP %d %s", resp.StatusCode, body)
			}
			if strings.Contains(body, "hunter2") || strings.Contains(body, "goroutine") {
				t.Errorf("it shows %s", body)
			}
			if log := r.log.String(); strings.Contains(log, "hunter2") != tt.logged {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// A panic in the midst of an answer must not look like its end.
func TestPanicInTheMidstOfAnAnswer(t *testing.T) {
	r := startWith(t, func(*runtime.ServeMux) runtime.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request, _ map[string]string) {
			_, _ = io.WriteString(w, "half of it")
			w.(http.Flusher).Flush()
			panic(secret)
		}
	})
	resp, err := r.client.Get(r.http + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("whole: %q", text)
	}
}

// A body that does not come is not waited for, whether it is wanted or not.
func TestBodyThatDoesNotCome(t *testing.T) {
	r := start(t, func(c *server.Config) { c.ClientTimeout = 100 * time.Millisecond })
	for _, tt := range []struct{ path, host, status, reason string }{
		{"/v1/shelves", "localhost", "400 Bad Request", "BODY_UNREADABLE"},
		{"/nowhere", "localhost", "404 Not Found", "ROUTE_NOT_FOUND"},
		{"/v1/shelves", "elsewhere", "421 Misdirected Request", "HOST_NOT_ALLOWED"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.http, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", tt.path, tt.host); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(answer, []byte(tt.status)) || !bytes.Contains(answer, []byte(tt.reason)) {
			t.Errorf("%s", answer)
		}
	}
}

// A stream may last longer than a client may take for one write.
func TestStreamOutlastsTheTimeForAWrite(t *testing.T) {
	const patience = 50 * time.Millisecond
	later := func(*runtime.ServeMux) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "%d", i)
				w.(http.Flusher).Flush()
				select {
				case <-time.After(2 * patience):
				case <-r.Context().Done():
					return
				}
			}
		}
	}
	r := startOpts(t, func(c *server.Config) { c.ClientTimeout = patience }, func(o *server.Options) {
		o.Gateway = append(o.Gateway, func(_ context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return mux.HandlePath(http.MethodGet, "/x", later(mux))
		})
	})
	if _, body := r.request(http.MethodGet, "/x", ""); body != "012" {
		t.Errorf("%q", body)
	}
}

// A large body full of mistakes costs little and gets a short answer.
func TestManyMistakesGetAShortAnswer(t *testing.T) {
	r := start(t)
	for name, items := range map[string]string{"bad items": strings.Repeat(`{},`, 340_000) + `{}`, "good items": strings.Repeat(book+",", 35_000) + book} {
		resp, body := r.request(http.MethodPost, "/v1/shelves", `{"books":[`+items+`]}`, "Content-Type", "application/json", "Authorization", r.bearer())
		if resp.StatusCode != http.StatusBadRequest || len(parseError(t, body).fields()) == 0 || len(body) > 10_000 {
			t.Errorf("%s: HTTP %d, %d bytes", name, resp.StatusCode, len(body))
		}
	}
}

// A mask may be spelt as the JSON fields are, or as those of the .proto; without one it is what the body has.
func TestUpdateMasks(t *testing.T) {
	r := start(t)
	for _, tt := range []struct{ query, body, want string }{
		{"?updateMask=builtAt,length", `{}`, "built_at,length"},
		{"?update_mask=built_at,books.bookTitle", `{}`, "built_at,books.book_title"},
		{"", `{"builtAt":"2026-01-02T03:04:05Z"}`, "built_at"},
		{"", `{"built_at":"2026-01-02T03:04:05Z"}`, "built_at"},
		{"", `{"length":"3","status":"FULL"}`, "length,status"},
	} {
		resp, body := r.request(http.MethodPatch, "/v1/shelves/1"+tt.query, tt.body, "Content-Type", "application/json")
		var shelf struct{ ID string }
		if err := json.Unmarshal([]byte(body), &shelf); err != nil {
			t.Fatal(err)
		}
		paths := strings.Split(shelf.ID, ",")
		slices.Sort(paths)
		if got := strings.Join(paths, ","); resp.StatusCode != http.StatusOK || got != tt.want && shelf.ID != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.query, tt.body, shelf.ID, tt.want)
		}
	}
}
