package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"orderflow.example/kit/server"
)

func withDocs(o *server.Options) {
	o.Docs = server.Docs{Title: "Shelves <& more>", Pages: []server.DocsPage{
		{Name: "events", Link: "Events", Type: "text/html; charset=utf-8", Content: []byte("<p>events</p>")},
		{Name: "hidden.json", Type: "application/json", Content: []byte(`{}`)},
	}}
}

// What a browser asks for to show the pages, and what it gets.
func TestDocs(t *testing.T) {
	r := startOpts(t, nil, withDocs)
	for _, test := range []struct{ path, kind, has string }{
		{"/docs", "text/html; charset=utf-8", "<title>Shelves &lt;&amp; more&gt;</title>"},
		{"/docs/", "text/html; charset=utf-8", `<a href="/docs/events">Events</a>`},
		{"/docs/start.js", "text/javascript; charset=utf-8", "/openapi.json"},
		{"/docs/swagger-ui-bundle.js", "", "SwaggerUIBundle"},
		{"/docs/swagger-ui.css", "text/css", ".swagger-ui"},
		{"/docs/favicon-32x32.png", "image/png", "PNG"},
		{"/docs/events", "text/html; charset=utf-8", "<p>events</p>"},
		{"/docs/hidden.json", "application/json", "{}"},
	} {
		t.Run(test.path, func(t *testing.T) {
			resp, body := r.request(http.MethodGet, test.path, "")
			if resp.StatusCode != http.StatusOK || !strings.Contains(body, test.has) {
				t.Fatalf("%d, and no %q in %.200s", resp.StatusCode, test.has, body)
			}
			if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, test.kind) {
				t.Errorf("Content-Type %q, want %q", kind, test.kind)
			}
		})
	}
	if _, body := r.request(http.MethodGet, "/docs", ""); strings.Contains(body, "hidden.json") {
		t.Error("/docs links to a page without a link text")
	}
}

// A page must work without a network: nothing in it comes from elsewhere, and the browser is told so.
func TestDocsNeedNoOtherAddress(t *testing.T) {
	r := startOpts(t, nil, withDocs)
	resp, body := r.request(http.MethodGet, "/docs", "")
	if found := regexp.MustCompile(`(?:src|href)="(?:[a-z]+:)?//`).FindString(body); found != "" {
		t.Errorf("the page has %s", found)
	}
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "://") || strings.Contains(policy, "*") || strings.Contains(policy, "script-src 'self' ") {
		t.Errorf("policy %q", policy)
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if resp, _ := r.request(http.MethodGet, match[1], ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s, which the page has, is answered %d", match[1], resp.StatusCode)
		}
	}
}

func TestDocsRefuse(t *testing.T) {
	r := startOpts(t, nil, withDocs)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodPost, "/docs", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/docs/events", http.StatusMethodNotAllowed},
		{http.MethodGet, "/docs/nothing", http.StatusNotFound},
		{http.MethodGet, "/docs/../openapi.json", http.StatusNotFound},
		{http.MethodGet, "/docs?proxy=http://127.0.0.1:1/", http.StatusOK},
		{http.MethodGet, "/docsx", http.StatusNotFound},
		{http.MethodHead, "/docs", http.StatusOK},
	} {
		if resp, body := r.request(test.method, test.path, ""); resp.StatusCode != test.want {
			t.Errorf("%s %s: %d, want %d: %.100s", test.method, test.path, resp.StatusCode, test.want, body)
		}
	}
	plain := start(t)
	if resp, _ := plain.request(http.MethodGet, "/docs", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without documents /docs is answered %d", resp.StatusCode)
	}
	only := startOpts(t, nil, func(o *server.Options) { o.Docs.Pages = []server.DocsPage{{Name: "events", Content: []byte("x")}} })
	if resp, _ := only.request(http.MethodGet, "/docs/swagger-ui.css", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without a title the assets of its page are answered %d", resp.StatusCode)
	}
}
