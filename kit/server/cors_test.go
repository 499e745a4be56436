package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/server"
)

func TestCORS(t *testing.T) {
	r := start(t, func(c *server.Config) { c.CORSOrigins = []string{"https://shop.example.com", " https://*.example.org"} })
	for origin, allowed := range map[string]bool{
		"https://shop.example.com":    true,
		"https://a.example.org":       true,
		"https://a.example.org.evil":  false,
		"http://shop.example.com":     false,
		"https://shop.example.com.de": false,
		"null":                        false,
	} {
		want := ""
		if allowed {
			want = origin
		}
		// No token: the browser asks before it sends one.
		resp, _ := r.request(http.MethodOptions, "/v1/shelves", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,idempotency-key,if-match,last-event-id,x-request-id")
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != http.StatusNoContent || got != want {
			t.Errorf("%s: preflight HTTP %d, allowed %q", origin, resp.StatusCode, got)
		}
		if allowed && (resp.Header.Get("Access-Control-Max-Age") != "600" || resp.Header.Get("Access-Control-Allow-Headers") == "") {
			t.Errorf("%s: %v", origin, resp.Header)
		}
		// Errors are shown as answers are.
		for path, code := range map[string]int{"/v1/shelves/1": 200, "/v1/shelves/none": 404, "/nowhere": 404} {
			resp, _ := r.request(http.MethodGet, path, "", "Origin", origin)
			if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != code || got != want {
				t.Errorf("%s %s: HTTP %d, allowed %q", origin, path, resp.StatusCode, got)
			}
			exposed := resp.Header.Get("Access-Control-Expose-Headers")
			for _, header := range []string{"ETag", "X-Request-Id", "X-Process-Time", "Idempotent-Replayed", "Location"} {
				if strings.Contains(strings.ToLower(exposed), strings.ToLower(header)) != allowed {
					t.Errorf("%s: exposes %q", origin, exposed)
				}
			}
			if !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Origin") || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %v", origin, resp.Header)
			}
		}
	}
	if resp, _ := r.request(http.MethodOptions, "/v1/shelves", "", "Origin", "https://shop.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-other"); resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a header that is not on the list is allowed")
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, `http_requests_total{code="204",method="OPTIONS",route="preflight"} 7`) {
		t.Error("preflights are not counted")
	}
}

func TestNoCORSWithoutOrigins(t *testing.T) {
	r := start(t)
	resp, _ := r.request(http.MethodOptions, "/v1/shelves", "", "Origin", "https://shop.example.com", "Access-Control-Request-Method", "POST")
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("HTTP %d %v", resp.StatusCode, resp.Header)
	}
}

func TestHosts(t *testing.T) {
	list := func(hosts ...string) func(*server.Config) {
		return func(c *server.Config) { c.AllowedHosts = hosts }
	}
	for _, tt := range []struct {
		name        string
		environment string
		hosts       func(*server.Config)
		allowed     []string
		refused     []string
	}{
		{"a list", "production", list("api.example.com", " *.shop.example.com", "::1"),
			[]string{"api.example.com", "API.example.com:8080", "api.example.com.", "a.shop.example.com", "a.b.shop.example.com:1", "[::1]:80", "[::1]"},
			[]string{"example.com", "shop.example.com", "evilshop.example.com", "api.example.com.evil", "127.0.0.1", "localhost:8080", "evil"}},
		{"none in production", "production", list(), []string{"localhost:8080", "127.0.0.1:1", "[::1]:2"}, []string{"api.example.com", "10.0.0.1:8080"}},
		{"none in development", "development", list(), []string{"localhost", "anything"}, nil},
		{"a list in development", "development", list("a.example.com"), []string{"a.example.com"}, []string{"localhost"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startOpts(t, tt.hosts, func(o *server.Options) { o.Environment = tt.environment })
			ask := func(host string) (answer, string) {
				req, err := http.NewRequest(http.MethodGet, r.http+"/v1/shelves/1", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Host = host
				return r.do(req)
			}
			for _, host := range tt.allowed {
				if resp, body := ask(host); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: HTTP %d %s", host, resp.StatusCode, body)
				}
			}
			for _, host := range tt.refused {
				resp, body := ask(host)
				if resp.StatusCode != http.StatusMisdirectedRequest || parseError(t, body).reason() != "HOST_NOT_ALLOWED" || strings.Contains(body, host) {
					t.Errorf("%s: HTTP %d %s", host, resp.StatusCode, body)
				}
			}
			if code, _ := r.get("/health/live"); code != http.StatusOK {
				t.Errorf("the admin port asks for a host: HTTP %d", code)
			}
		})
	}
}

func TestBrowserVariablesAreChecked(t *testing.T) {
	for _, tt := range []struct {
		environment string
		change      func(*server.Config)
		want        string // "": it starts
	}{
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"https://a.example.com", "*"} }, `CORS_ALLOWED_ORIGINS="https://a.example.com,*": * is allowed only with ENVIRONMENT=development, which is "production"`},
		{"", func(c *server.Config) { c.CORSOrigins = []string{"*"} }, "CORS_ALLOWED_ORIGINS"},
		{"development", func(c *server.Config) { c.CORSOrigins = []string{"*"} }, ""},
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"a.example.com"} }, `"a.example.com" is no origin`},
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"https://a.example.com/"} }, "is no origin"},
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"https://a*.example.com"} }, "is no origin"},
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"https://*"} }, "is no origin"},
		{"production", func(c *server.Config) { c.CORSOrigins = []string{"null"} }, "is no origin"},
		{"production", func(c *server.Config) {
			c.CORSOrigins = []string{"http://localhost:3000", "https://*.example.com:8443"}
		}, ""},
		{"production", func(c *server.Config) { c.AllowedHosts = []string{"a.example.com:8080"} }, `ALLOWED_HOSTS="a.example.com:8080": "a.example.com:8080" has a port, "a.example.com" is enough`},
		{"production", func(c *server.Config) { c.AllowedHosts = []string{"*"} }, `ALLOWED_HOSTS="*": "*" is no host`},
		{"production", func(c *server.Config) { c.AllowedHosts = []string{"https://a.example.com"} }, "is no host"},
		{"production", func(c *server.Config) { c.AllowedHosts = []string{"a.*.com"} }, "is no host"},
	} {
		cfg, opts := loopback(), options(t, authtest.NewIssuer(t), &shelves{}, io.Discard)
		tt.change(&cfg)
		opts.Environment = tt.environment
		s, err := server.Listen(cfg, opts)
		if s != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// Without authentication a developer's own browser must not be the way in for any page.
func TestNoAuthenticationKeepsPagesOut(t *testing.T) {
	r := startOpts(t, nil, func(o *server.Options) {
		verifier, err := auth.NewVerifier(auth.Config{Mode: auth.ModeNone}, o.Log)
		if err != nil {
			t.Fatal(err)
		}
		o.Verifier, o.Environment = verifier, "development"
	})
	ask := func(host string, headers ...string) (int, string) {
		req, err := http.NewRequest(http.MethodPost, r.http+"/v1/shelves", strings.NewReader(behave("none")))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, body := r.do(req)
		return resp.StatusCode, body
	}
	for _, own := range [][]string{nil, {"Origin", "http://localhost:8080"}, {"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:8080"}} {
		if code, body := ask("localhost:8080", own...); code != http.StatusCreated {
			t.Errorf("%v: HTTP %d %s", own, code, body)
		}
	}
	for _, foreign := range [][]string{{"Origin", "https://evil.example.com"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
		if code, body := ask("localhost:8080", foreign...); code != http.StatusForbidden || parseError(t, body).reason() != "CROSS_ORIGIN_REFUSED" {
			t.Errorf("%v: HTTP %d %s", foreign, code, body)
		}
	}
	if code, body := ask("evil.example.com:8080"); code != http.StatusMisdirectedRequest {
		t.Errorf("a name pointed at loopback: HTTP %d %s", code, body)
	}
}
