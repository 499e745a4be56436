package server_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

const shelf = `{"books":[` + book + `]}`

func behave(name string) string { return `{"books":[` + book + `],"behaviour":"` + name + `"}` }

func good(behaviour string) *testpb.CreateShelfRequest {
	return &testpb.CreateShelfRequest{Books: []*testpb.Book{{BookTitle: "a", Copies: 1}}, Behaviour: behaviour}
}

func TestAuthorization(t *testing.T) {
	r := start(t)
	expired := r.issuer.Claims("u1")
	expired["exp"] = time.Now().Add(-time.Minute).Unix()
	other := r.issuer.Claims("u1")
	other["aud"] = "other"
	tests := []struct {
		name, authorization string
		code                codes.Code
		http                int
		reason              string
	}{
		{"no token", "", codes.Unauthenticated, 401, "TOKEN_MISSING"},
		{"expired", "Bearer " + r.issuer.Sign(expired), codes.Unauthenticated, 401, "TOKEN_EXPIRED"},
		{"wrong audience", "Bearer " + r.issuer.Sign(other), codes.Unauthenticated, 401, "TOKEN_INVALID"},
		{"wrong algorithm", "Bearer " + r.issuer.SignWith("HS256", []byte(rand.Text()+rand.Text()), r.issuer.Claims("u1")), codes.Unauthenticated, 401, "TOKEN_INVALID"},
		{"wrong role", r.bearer("auditor"), codes.PermissionDenied, 403, "ROLE_REQUIRED"},
		{"right", r.bearer("staff"), codes.OK, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{"Content-Type", "application/json"}
			if tt.authorization != "" {
				headers = append(headers, "Authorization", tt.authorization)
			}
			resp, body := r.request(http.MethodPut, "/v1/shelves/1", `{"id":"x"}`, headers...)
			if resp.StatusCode != tt.http {
				t.Fatalf("HTTP %d %s", resp.StatusCode, body)
			}
			if tt.http != 200 && parseError(t, body).reason() != tt.reason {
				t.Errorf("want %s in %s", tt.reason, body)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.http == 401) {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
			client, ctx := r.dial(tt.authorization)
			_, err := client.UpdateShelf(ctx, &testpb.UpdateShelfRequest{Id: 1, Shelf: &testpb.Shelf{Id: "x"}})
			if reason, _ := detailsOf(status.Convert(err)); status.Code(err) != tt.code || reason != tt.reason {
				t.Errorf("gRPC: %v", err)
			}
		})
	}
	t.Run("stream", func(t *testing.T) {
		client, ctx := r.dial("")
		stream, err := client.WatchShelf(ctx, &testpb.GetShelfRequest{Id: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = stream.Recv(); status.Code(err) != codes.Unauthenticated {
			t.Error(err)
		}
	})
}

var generated = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func TestRequestID(t *testing.T) {
	r := start(t)
	taken := func(id string) func(string) bool { return func(got string) bool { return got == id } }
	tests := []struct {
		name, given string
		want        func(string) bool
	}{
		{"taken over", "a.B-c_9:1", taken("a.B-c_9:1")},
		{"longest", strings.Repeat("x", 128), taken(strings.Repeat("x", 128))},
		{"too long", strings.Repeat("x", 129), generated.MatchString},
		{"absent", "", generated.MatchString},
		{"with a space", "a b", generated.MatchString},
		{"for a log forger", `a"},{"x`, generated.MatchString},
	}
	client, ctx := r.dial(r.bearer())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := r.request(http.MethodPost, "/v1/shelves", shelf, "Content-Type", "application/json", "Authorization", r.bearer(), "X-Request-Id", tt.given)
			id := resp.Header.Get("X-Request-Id")
			if !tt.want(id) {
				t.Errorf("REST answers with id %q", id)
			}
			if !strings.Contains(body, "u1|"+id+"|") {
				t.Errorf("the method saw another id than %q: %s", id, body)
			}
			ctx := ctx
			if tt.given != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", tt.given)
			}
			var header metadata.MD
			if _, err := client.CreateShelf(ctx, good(""), grpc.Header(&header)); err != nil {
				t.Fatal(err)
			}
			if ids := header["x-request-id"]; len(ids) != 1 || !tt.want(ids[0]) {
				t.Errorf("gRPC answers with ids %q", ids)
			}
		})
	}
}

func TestWhatPassesTheGateway(t *testing.T) {
	r := start(t)
	resp, body := r.request(http.MethodPost, "/v1/shelves", shelf,
		"Content-Type", "application/json", "Authorization", r.bearer(), "Idempotency-Key", "k1",
		"Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00",
		"Grpc-Metadata-Sneaky", "yes", "Grpc-Metadata-Authorization", "Bearer x", "Grpc-Timeout", "1n", "Sneaky", "yes",
		"X-Http-Method-Override", "DELETE")
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("HTTP %d %s", resp.StatusCode, body)
	}
	parts := strings.Split(strings.Split(body, `"`)[3], "|")
	if len(parts) != 5 || parts[0] != "u1" || parts[3] != "k1" || parts[4] != "" {
		t.Fatalf("the method saw %q", parts)
	}
	if trace := strings.Split(parts[2], "-"); len(trace) != 4 || trace[1] != "0123456789abcdef0123456789abcdef" || trace[2] == "0123456789abcdef" {
		t.Errorf("traceparent %q: want the same trace, another span", parts[2])
	}
	for key := range resp.Header {
		if strings.HasPrefix(key, "Grpc-") {
			t.Errorf("header %s gets out", key)
		}
	}
	want := map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "application/json", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
	for key, value := range want {
		if got := resp.Header.Get(key); got != value {
			t.Errorf("%s: %q", key, got)
		}
	}
}

// Zeros and statuses are visible, what is not set is absent.
func TestAnswersShowDefaults(t *testing.T) {
	r := start(t)
	_, body := r.request(http.MethodGet, "/v1/shelves/7", "")
	if want := `{"id":"7","status":"FULL","length":"0","books":[]}`; strings.ReplaceAll(body, ", ", ",") != want {
		t.Errorf("%s, want %s", body, want)
	}
	_, body = r.request(http.MethodGet, "/v1/shelves?pageSize=3&filter.room_name=r", "")
	if !strings.Contains(body, `"id":"r"`) || !strings.Contains(body, `"length":"3"`) {
		t.Error(body)
	}
}

func TestOpenAPI(t *testing.T) {
	r := start(t)
	resp, body := r.request(http.MethodGet, "/openapi.json", "")
	if resp.StatusCode != http.StatusOK || body != `{"openapi":"3.0.0"}` || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("HTTP %d %s", resp.StatusCode, body)
	}
	if resp, _ := r.request(http.MethodPost, "/openapi.json", ""); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("HTTP %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

// A database that is away is no fault of the call: it may come again.
func TestTheDatabaseIsAway(t *testing.T) {
	r := start(t)
	resp, body := r.request(http.MethodPost, "/v1/shelves", behave("away"), "Content-Type", "application/json", "Authorization", r.bearer())
	if e := parseError(t, body); resp.StatusCode != http.StatusServiceUnavailable || e.reason() != "DATABASE_UNAVAILABLE" || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("HTTP %d %v %s", resp.StatusCode, resp.Header, body)
	}
	client, ctx := r.dial(r.bearer())
	if _, err := client.CreateShelf(ctx, good("away")); status.Code(err) != codes.Unavailable || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if log := r.log.String(); !strings.Contains(log, "hunter2") {
		t.Errorf("the cause is not in the log: %s", log)
	}
}

// What goes wrong inside is told to the log, and to nobody else.
func TestFailuresTellNothingInternal(t *testing.T) {
	r := start(t)
	client, ctx := r.dial(r.bearer())
	for _, behaviour := range []string{"panic", "fail"} {
		resp, body := r.request(http.MethodPost, "/v1/shelves", behave(behaviour), "Content-Type", "application/json", "Authorization", r.bearer(), "X-Request-Id", "rest-"+behaviour)
		if e := parseError(t, body); resp.StatusCode != http.StatusInternalServerError || e.Error.Status != "INTERNAL" || !strings.Contains(body, "rest-"+behaviour) {
			t.Errorf("HTTP %d %s", resp.StatusCode, body)
		}
		_, err := client.CreateShelf(ctx, good(behaviour))
		if status.Code(err) != codes.Internal {
			t.Error(err)
		}
		for _, text := range []string{body, err.Error()} {
			if strings.Contains(text, "hunter2") || strings.Contains(text, "goroutine") || strings.Contains(text, io.ErrClosedPipe.Error()) {
				t.Errorf("%s shows %s", behaviour, text)
			}
		}
	}
	stream, err := client.WatchShelf(ctx, &testpb.GetShelfRequest{Id: "panic"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	log := r.log.String()
	for _, cause := range []string{"hunter2", "goroutine", io.ErrClosedPipe.Error(), `"request_id":"rest-fail"`} {
		if !strings.Contains(log, cause) {
			t.Errorf("the log lacks %q", cause)
		}
	}
}

func TestErrorDetails(t *testing.T) {
	r := start(t)
	resp, body := r.request(http.MethodPost, "/v1/shelves", behave("refuse"), "Content-Type", "application/json", "Authorization", r.bearer())
	e := parseError(t, body)
	if resp.Header.Get("Retry-After") != "2" || !strings.Contains(body, `"retryDelay":"1.500s"`) {
		t.Errorf("Retry-After %q, %s", resp.Header.Get("Retry-After"), body)
	}
	if e.Error.Message != "the shelf is full" || !reflect.DeepEqual(e.Error.Details[0].Metadata, map[string]string{"room": "r1"}) || strings.Contains(body, "closed pipe") {
		t.Errorf("%+v", e)
	}
}

func TestTimeLimitOfACall(t *testing.T) {
	r := start(t, func(c *server.Config) { c.RequestTimeout = 50 * time.Millisecond })
	resp, body := r.request(http.MethodPost, "/v1/shelves", behave("deadline"), "Content-Type", "application/json", "Authorization", r.bearer())
	if resp.StatusCode != http.StatusGatewayTimeout || parseError(t, body).Error.Status != "DEADLINE_EXCEEDED" {
		t.Errorf("HTTP %d %s", resp.StatusCode, body)
	}
}

func TestAccessLog(t *testing.T) {
	r := start(t)
	r.request(http.MethodGet, "/v1/shelves/none?note=private", "", "User-Agent", strings.Repeat("agent", 100))
	client, ctx := r.dial("")
	if _, err := client.GetShelf(ctx, &testpb.GetShelfRequest{Id: "none"}); err == nil {
		t.Fatal("found")
	}
	eventually(t, "both lines", func() bool { return len(r.log.lines(t, "request")) == 1 && len(r.log.lines(t, "call")) == 1 })
	rest := r.log.lines(t, "request")[0]
	if rest["method"] != "GET" || rest["path"] != "/v1/shelves/none" || rest["status"] != 400.0 || rest["address"] != "127.0.0.1" || len(rest["user_agent"].(string)) != 200 {
		t.Errorf("%v", rest)
	}
	call := r.log.lines(t, "call")[0]
	if call["method"] != testpb.ShelfService_GetShelf_FullMethodName || call["code"] != "NotFound" || call["reason"] != "SHELF_NOT_FOUND" || call["address"] != "127.0.0.1" {
		t.Errorf("%v", call)
	}
	for _, line := range []map[string]any{rest, call} {
		for _, key := range []string{"request_id", "trace_id", "span_id", "duration_ms", "service", "version"} {
			if line[key] == nil {
				t.Errorf("no %s in %v", key, line)
			}
		}
	}
	if log := r.log.String(); strings.Contains(log, "private") {
		t.Error("the query is in the log")
	}
}

func TestMetrics(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/v1/shelves/1", "/v1/shelves/2", "/v1/shelves/none", "/nowhere/1", "/nowhere/2"} {
		r.request(http.MethodGet, path, "")
	}
	r.request("BREW", "/v1/shelves/1", "")
	_, text := r.get("/metrics")
	for _, want := range []string{
		`http_requests_total{code="200",method="GET",route="/v1/shelves/{id}"} 2`,
		`http_requests_total{code="404",method="GET",route="/v1/shelves/{id}"} 1`,
		`http_requests_total{code="404",method="GET",route="unmatched"} 2`,
		`http_requests_total{code="405",method="other",route="unmatched"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/v1/shelves/{id}"} 3`,
		`grpc_requests_total{code="OK",method="/orderflow.kit.test.v1.ShelfService/GetShelf"} 2`,
		`grpc_requests_total{code="NotFound",method="/orderflow.kit.test.v1.ShelfService/GetShelf"} 1`,
		`grpc_request_duration_seconds_count{method="/orderflow.kit.test.v1.ShelfService/GetShelf"} 3`,
		`go_goroutines `, `process_open_fds `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

// A stream over REST shows each message at once.
func TestStreamOverREST(t *testing.T) {
	r := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.http+"/v1/shelves/1:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", r.bearer())
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 200)
	n, err := resp.Body.Read(buf)
	if err != nil || !strings.Contains(string(buf[:n]), `"id":"1"`) {
		t.Errorf("%q %v", buf[:n], err)
	}
}
