package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"orderflow.example/kit/server"
)

func TestProcessTime(t *testing.T) {
	r := startOpts(t, func(c *server.Config) { c.CORSOrigins = []string{"https://a.example.com"} }, func(o *server.Options) {
		o.Routes = append(o.Routes, server.Route{Method: http.MethodGet, Path: "/v1/slow", Serve: func(w http.ResponseWriter, _ *http.Request, _ server.RouteInput) error {
			<-time.After(20 * time.Millisecond)
			w.WriteHeader(http.StatusEarlyHints) // no answer yet
			<-time.After(20 * time.Millisecond)
			_, err := io.WriteString(w, "x")
			return err
		}}, server.Route{Method: http.MethodGet, Path: "/v1/nothing", Serve: func(http.ResponseWriter, *http.Request, server.RouteInput) error { return nil }},
			server.Route{Method: http.MethodGet, Path: "/v1/panic", Serve: func(http.ResponseWriter, *http.Request, server.RouteInput) error { panic(secret) }})
	})
	for _, tt := range []struct {
		method, path string
		code         int
		atLeast      float64 // seconds
		host         string
	}{
		{"GET", "/v1/shelves/1", 200, 0, ""},
		{"GET", "/v1/shelves/none", 404, 0, ""},
		{"GET", "/nowhere", 404, 0, ""},
		{"DELETE", "/v1/shelves", 405, 0, ""},
		{"GET", "/openapi.json", 200, 0, ""},
		{"OPTIONS", "/v1/shelves", 204, 0, ""},
		{"GET", "/v1/panic", 500, 0, ""},
		{"GET", "/v1/nothing", 200, 0, ""},
		{"GET", "/v1/slow", 200, .04, ""},
		{"GET", "/v1/shelves/1", 421, 0, "elsewhere"},
	} {
		req, err := http.NewRequest(tt.method, r.http+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		if tt.method == http.MethodOptions {
			req.Header.Set("Origin", "https://a.example.com")
			req.Header.Set("Access-Control-Request-Method", "GET")
		}
		resp, _ := r.do(req)
		took, err := strconv.ParseFloat(resp.Header.Get("X-Process-Time"), 64)
		if resp.StatusCode != tt.code || err != nil || took < tt.atLeast || took > 10 {
			t.Errorf("%s: HTTP %d, X-Process-Time %q", fmt.Sprint(tt.method, " ", tt.path), resp.StatusCode, resp.Header.Get("X-Process-Time"))
		}
		if len(resp.Header.Values("X-Process-Time")) != 1 {
			t.Error(resp.Header)
		}
	}
}
