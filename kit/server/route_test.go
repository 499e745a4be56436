package server_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

func startRoute(t *testing.T, route server.Route) *rig {
	t.Helper()
	return startOpts(t, nil, func(o *server.Options) { o.Routes = append(o.Routes, route) })
}

// The caller's token and request id go along with a call that a route makes, and the caller's own metadata does not.
func TestRouteCallsTheServicesMethods(t *testing.T) {
	r := startRoute(t, server.Route{
		Method: http.MethodPost, Path: "/v1/shelves:copy", Accepts: []string{"text/plain"},
		Serve: func(w http.ResponseWriter, r *http.Request, in server.RouteInput) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			shelf, err := testpb.NewShelfServiceClient(in.Conn).CreateShelf(r.Context(), &testpb.CreateShelfRequest{Books: []*testpb.Book{{BookTitle: string(body), Copies: 1}}})
			if err != nil {
				return err
			}
			_, err = io.WriteString(w, shelf.GetId())
			return err
		},
	})
	resp, text := r.request(http.MethodPost, "/v1/shelves:copy", "x", "Content-Type", "text/plain; charset=utf-8", "Authorization", r.bearer("staff"))
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(text, "u1|"+resp.Header.Get("X-Request-Id")+"|") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	resp, text = r.request(http.MethodPost, "/v1/shelves:copy", "x", "Content-Type", "text/plain")
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "TOKEN_MISSING") {
		t.Errorf("without a token: %d %s", resp.StatusCode, text)
	}
	resp, text = r.request(http.MethodPost, "/v1/shelves:copy", "{}", "Content-Type", "application/json", "Authorization", r.bearer("staff"))
	if resp.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(text, "must be of type text/plain") {
		t.Errorf("another type: %d %s", resp.StatusCode, text)
	}
	if !strings.Contains(r.log.String(), `"status":415`) {
		t.Error("the route is not logged")
	}
}

func TestRouteLimits(t *testing.T) {
	read := func(w http.ResponseWriter, r *http.Request, _ server.RouteInput) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		_, err = fmt.Fprint(w, n)
		return err
	}
	r := startRoute(t, server.Route{Method: http.MethodPut, Path: "/v1/blob", Accepts: []string{"text/csv"}, MaxBodyBytes: 10, Upload: true, Serve: read})
	if resp, text := r.request(http.MethodPut, "/v1/blob", "0123456789", "Content-Type", "text/csv"); resp.StatusCode != http.StatusOK || text != "10" {
		t.Errorf("at the limit: %d %s", resp.StatusCode, text)
	}
	if resp, text := r.request(http.MethodPut, "/v1/blob", "0123456789a", "Content-Type", "text/csv"); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "BODY_TOO_LARGE") {
		t.Errorf("above it: %d %s", resp.StatusCode, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.http+"/v1/blob", io.MultiReader(strings.NewReader("01234"), strings.NewReader("56789abc")))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req) // chunked: the length is not known before
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), "BODY_TOO_LARGE") {
		t.Errorf("chunks above it: %d %s %v", resp.StatusCode, text, err)
	}
	_ = resp.Body.Close() // read to its end

	r = startRoute(t, server.Route{Method: http.MethodGet, Path: "/v1/feed", Serve: read})
	if resp, text := r.request(http.MethodGet, "/v1/feed", "x", "Content-Type", "text/plain"); resp.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(text, "UNEXPECTED_BODY") {
		t.Errorf("a body nobody asked for: %d %s", resp.StatusCode, text)
	}
}

func TestRouteErrors(t *testing.T) {
	var fail error
	var first string
	r := startRoute(t, server.Route{
		Method: http.MethodGet, Path: "/v1/feed",
		Serve: func(w http.ResponseWriter, _ *http.Request, _ server.RouteInput) error {
			if first != "" {
				if _, err := io.WriteString(w, first); err != nil {
					return err
				}
			}
			return fail
		},
	})
	fail = errs.New(errs.FailedPrecondition, "NOT_NOW", "not now")
	if resp, text := r.request(http.MethodGet, "/v1/feed", ""); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "NOT_NOW") {
		t.Errorf("an own error: %d %s", resp.StatusCode, text)
	}
	fail = errors.New(secret)
	if resp, text := r.request(http.MethodGet, "/v1/feed", ""); resp.StatusCode != http.StatusInternalServerError || strings.Contains(text, secret) {
		t.Errorf("a foreign error: %d %s", resp.StatusCode, text)
	}
	if !strings.Contains(r.log.String(), secret) {
		t.Error("the foreign error is not in the log")
	}
	first = strings.Repeat("part of an answer ", 1000)
	resp, err := r.client.Get(r.http + "/v1/feed")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was cut
	}
	if err == nil {
		t.Error("an answer that is not whole looks whole")
	}
	cut := func() bool { return strings.Count(r.log.String(), `"path":"/v1/feed"`) == 3 }
	eventually(t, "the request is logged", cut)
	if strings.Contains(r.log.String(), "abort Handler") {
		t.Error("a cut that is meant is logged as a panic")
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, `http_requests_total{code="200",method="GET",route="/v1/feed"} 1`) {
		t.Error("an answer that was cut is not counted")
	}
}

func TestRouteWithABadPath(t *testing.T) {
	opts := options(t, authtest.NewIssuer(t), &shelves{}, io.Discard)
	opts.Routes = []server.Route{{Method: http.MethodGet, Path: "v1/{"}}
	if s, err := server.Listen(loopback(), opts); err == nil || !strings.Contains(err.Error(), "route GET v1/{") {
		t.Errorf("server %v, error %v", s, err)
	}
}
