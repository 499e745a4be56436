package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/errs"
	"orderflow.example/kit/ratelimit"
)

// RateLimits are requests a second and how many may come at once, for each user and for each client address; 0 is no limit. With Redis they
// count for all replicas of the service together, without one for each.
type RateLimits struct {
	User         int `env:"RATE_LIMIT_USER" envDefault:"50" atLeast:"0"`
	UserBurst    int `env:"RATE_LIMIT_USER_BURST" envDefault:"100" atLeast:"0"`
	Address      int `env:"RATE_LIMIT_ADDRESS" envDefault:"200" atLeast:"0"` // an office or a mobile network may be one address
	AddressBurst int `env:"RATE_LIMIT_ADDRESS_BURST" envDefault:"400" atLeast:"0"`

	TrustedProxies []string `env:"TRUSTED_PROXIES"` // addresses and ranges that X-Forwarded-For is believed of
}

// Validate names the variable that is wrong, its value, and what is allowed.
func (l RateLimits) Validate() error {
	for _, limit := range []struct {
		name         string
		rate, bursts int
	}{{"RATE_LIMIT_USER", l.User, l.UserBurst}, {"RATE_LIMIT_ADDRESS", l.Address, l.AddressBurst}} {
		if limit.rate < 0 {
			return fmt.Errorf("%s=%d: must be requests a second, or 0 for no limit", limit.name, limit.rate)
		}
		if limit.rate > 0 && limit.bursts < 1 {
			return fmt.Errorf("%s_BURST=%d: must be at least 1", limit.name, limit.bursts)
		}
	}
	_, err := parseProxies(l.TrustedProxies)
	return err
}

const (
	limitUser    = "user"
	limitAddress = "address"
)

// rateLimits apply to each call once: the address's before anybody asks for a token, which limits guessing, and the user's behind it. A REST
// request is held to the address's limit where it comes in, as the gRPC call that it becomes has no address of its own.
type rateLimits struct {
	proxies proxies
	users   *ratelimit.Limiter
	addrs   *ratelimit.Limiter
	refused *prometheus.CounterVec
}

func newRateLimits(cfg RateLimits, opts Options) (*rateLimits, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &rateLimits{refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rate_limited_requests_total", Help: "Requests refused because their user or client address sent too many.",
	}, []string{"limit"})}
	var err error
	if l.proxies, err = parseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if opts.Verifier.Enabled() { // else all are one user
		if l.users, err = ratelimit.New(opts.Service+":user", ratelimit.Limit{PerSecond: cfg.User, Burst: cfg.UserBurst}, opts.Redis); err != nil {
			return nil, err
		}
	}
	if l.addrs, err = ratelimit.New(opts.Service+":address", ratelimit.Limit{PerSecond: cfg.Address, Burst: cfg.AddressBurst}, opts.Redis); err != nil {
		return nil, err
	}
	for _, kind := range []string{limitUser, limitAddress} {
		l.refused.WithLabelValues(kind) // visible before the first refusal
	}
	return l, opts.Metrics.Register(l.refused)
}

// address is a step before authentication. Health is not limited: whoever asks for it may restart what does not answer.
func (l *rateLimits) address(ctx context.Context, method string, next func(context.Context) error) error {
	if _, ours := caller(ctx); !ours && !strings.HasPrefix(method, probes) {
		if err := l.admit(ctx, l.addrs, limitAddress, network(l.proxies.ofCall(ctx))); err != nil {
			return err
		}
	}
	return next(ctx)
}

// request limits a REST request by its address.
func (l *rateLimits) request(r *http.Request) error {
	return l.admit(r.Context(), l.addrs, limitAddress, network(l.proxies.ofRequest(r)))
}

// user is a step after authentication. A method that needs no token has no user.
func (l *rateLimits) user(ctx context.Context, _ string, next func(context.Context) error) error {
	if subject := auth.FromContext(ctx).Subject; subject != "" {
		if err := l.admit(ctx, l.users, limitUser, subject); err != nil {
			return err
		}
	}
	return next(ctx)
}

func (l *rateLimits) admit(ctx context.Context, limiter *ratelimit.Limiter, kind, key string) error {
	wait, ok := limiter.Allow(ctx, key)
	if ok {
		return nil
	}
	l.refused.WithLabelValues(kind).Inc()
	return errs.New(errs.ResourceExhausted, "RATE_LIMITED", "too many requests").With("limit", kind).Retry(max(wait, time.Millisecond))
}

// network is what a limit counts as one address: the 64 bits of an IPv6 address that its owner does not choose.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() {
		return address
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
