package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
)

const (
	development    = "development" // the value of ENVIRONMENT in which convenience counts for more than caution
	routePreflight = "preflight"   // label of the requests by which a browser asks what it may ask
	preflightKept  = 10 * time.Minute
)

// What a script in a browser may send and see, beside what every script may.
var (
	corsMethods  = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	corsRequests = []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "X-Request-Id"}
	corsAnswers  = []string{"ETag", "Idempotent-Replayed", "Location", "Retry-After", "X-Process-Time", "X-Request-Id"}
)

// checkOrigins holds each entry to the form of an origin, and "*" to development.
func checkOrigins(origins []string, environment string) error {
	const variable = "CORS_ALLOWED_ORIGINS"
	for _, origin := range origins {
		if origin == "*" {
			if environment != development {
				return fmt.Errorf("%s=%q: * is allowed only with ENVIRONMENT=%s, which is %q", variable, strings.Join(origins, ","), development, environment)
			}
			continue
		}
		u, err := url.Parse(strings.Replace(origin, "://*.", "://", 1)) // a wildcard stands for subdomains alone
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != strings.Replace(origin, "://*.", "://", 1) || strings.Contains(u.Host, "*") {
			return fmt.Errorf("%s=%q: %q is no origin such as https://shop.example.com or https://*.example.com", variable, strings.Join(origins, ","), origin)
		}
	}
	return nil
}

// newCORS is nil without origins: a browser then shows no script of another origin an answer. Tokens travel in a header that scripts set
// themselves, so there are no credentials for a browser to add.
func newCORS(origins []string) *cors.Cors {
	if len(origins) == 0 {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: corsMethods,
		AllowedHeaders: corsRequests,
		ExposedHeaders: corsAnswers,
		MaxAge:         int(preflightKept.Seconds()),
	})
}

// newOrigins keeps pages of other origins from changing anything where no token does, with AUTH_MODE=none; nil otherwise.
func newOrigins(authenticated bool) *http.CrossOriginProtection {
	if authenticated {
		return nil
	}
	return http.NewCrossOriginProtection()
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// trimmed is a list without blanks around its entries and without empty ones.
func trimmed(list []string) []string {
	var out []string
	for _, entry := range list {
		if entry = strings.TrimSpace(entry); entry != "" {
			out = append(out, entry)
		}
	}
	return slices.Clip(out)
}
