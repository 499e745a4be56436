package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/redisdb/redistest"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

// limited is a server whose buckets hold so many, and fill so slowly that a test does not see it.
func limited(t *testing.T, limits server.RateLimits) *rig {
	t.Helper()
	return start(t, func(c *server.Config) { c.RateLimits = limits })
}

// untilRefused calls until a call is refused for its rate, and tells how many were not. More than 100 are one too many.
func untilRefused(t *testing.T, call func(i int) error) (passed int, refusal *errs.Error) {
	t.Helper()
	for i := range 100 {
		if e := errs.From(call(i)); e != nil && e.Reason == "RATE_LIMITED" {
			return i, e
		}
	}
	t.Fatal("nothing is refused")
	return 0, nil
}

func mustBeRefused(t *testing.T, call func(i int) error) {
	t.Helper()
	if _, refusal := untilRefused(t, call); refusal.RetryAfter <= 0 {
		t.Errorf("no word of a retry: %+v", refusal)
	}
}

// viaREST makes a call over REST and gives its error as gRPC would.
func (r *rig) viaREST(method, path, body string, headers ...string) error {
	r.t.Helper()
	resp, text := r.request(method, path, body, headers...)
	if resp.StatusCode < 300 {
		return nil
	}
	e := parseError(r.t, text)
	out := errs.New(errs.Internal, e.reason(), "%s", e.Error.Message)
	if resp.StatusCode == http.StatusTooManyRequests {
		out.Code = errs.ResourceExhausted
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			r.t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
		}
		for _, d := range e.Error.Details {
			if strings.HasSuffix(d.Type, "google.rpc.RetryInfo") && d.RetryDelay != "" {
				out = out.Retry(1)
			}
			if d.Reason == "RATE_LIMITED" {
				out.Metadata = d.Metadata
			}
		}
	}
	return out
}

func (r *rig) restCreate(token string, headers ...string) error {
	return r.viaREST(http.MethodPost, "/v1/shelves", shelf, append(headers, "Authorization", token)...)
}

func (r *rig) grpcCreate(token string, headers ...string) error {
	ctx := metadata.AppendToOutgoingContext(r.t.Context(), append(headers, "authorization", token)...)
	_, err := testpb.NewShelfServiceClient(r.conn()).CreateShelf(ctx, &testpb.CreateShelfRequest{Books: []*testpb.Book{{BookTitle: "Go", Copies: 1}}})
	return err
}

// A call counts once, whichever way it comes, for its address and for its user.
func TestACallCountsOnce(t *testing.T) {
	for name, limits := range map[string]server.RateLimits{
		"address": {Address: 1, AddressBurst: 20},
		"user":    {User: 1, UserBurst: 20},
	} {
		t.Run(name, func(t *testing.T) {
			r := limited(t, limits)
			token := r.bearer()
			for i := range 10 {
				if err := r.restCreate(token); err != nil {
					t.Fatalf("REST call %d: %v", i, err)
				}
				if err := r.grpcCreate(token); err != nil {
					t.Fatalf("gRPC call %d: %v", i, err)
				}
			}
			for way, call := range map[string]func(string, ...string) error{"REST": r.restCreate, "gRPC": r.grpcCreate} {
				passed, refusal := untilRefused(t, func(int) error { return call(token) })
				if passed > 10 || refusal.Code != errs.ResourceExhausted || refusal.RetryAfter <= 0 || refusal.Metadata["limit"] != name {
					t.Errorf("%s: after %d more: %+v", way, passed, refusal)
				}
			}
			if _, body := r.get("/metrics"); !strings.Contains(body, `rate_limited_requests_total{limit="`+name+`"} 2`) {
				t.Error("the metric does not tell")
			}
		})
	}
}

// Whoever tries tokens is limited although none of them is good.
func TestTheAddressIsLimitedBeforeTheToken(t *testing.T) {
	r := limited(t, server.RateLimits{Address: 1, AddressBurst: 5})
	for name, call := range map[string]func(string, ...string) error{"REST": r.restCreate, "gRPC": r.grpcCreate} {
		if _, refusal := untilRefused(t, func(i int) error { return call(fmt.Sprintf("Bearer guess%d", i)) }); refusal.Metadata["limit"] != "address" {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
	if passed, _ := untilRefused(t, func(int) error { return r.viaREST(http.MethodGet, "/nothing/here", "") }); passed > 50 {
		t.Errorf("%d paths could be tried", passed)
	}
}

func TestUsersAreLimitedApart(t *testing.T) {
	r := limited(t, server.RateLimits{User: 1, UserBurst: 3})
	mustBeRefused(t, func(int) error { return r.grpcCreate(r.bearer()) })
	if err := r.grpcCreate("Bearer " + r.issuer.Token("u2")); err != nil {
		t.Errorf("another user: %v", err)
	}
	for range 50 { // nobody's
		if err := r.viaREST(http.MethodGet, "/v1/shelves/1", ""); err != nil {
			t.Fatalf("a public method: %v", err)
		}
	}
}

// A client can't choose its address, unless it is a proxy that we trust.
func TestForwardedAddresses(t *testing.T) {
	const header = "X-Forwarded-For"
	another := func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }
	t.Run("not believed", func(t *testing.T) {
		r := limited(t, server.RateLimits{Address: 1, AddressBurst: 5, TrustedProxies: []string{"10.0.0.0/8"}})
		token := r.bearer()
		mustBeRefused(t, func(i int) error { return r.restCreate(token, header, another(i)) })
		mustBeRefused(t, func(i int) error { return r.restCreate(token, "Grpc-Metadata-X-Forwarded-For", another(i)) })
		mustBeRefused(t, func(i int) error { return r.grpcCreate(token, strings.ToLower(header), another(i)) })
	})
	t.Run("believed", func(t *testing.T) {
		r := limited(t, server.RateLimits{Address: 1, AddressBurst: 5, TrustedProxies: []string{"127.0.0.1"}})
		token := r.bearer()
		for i := range 40 {
			if err := r.restCreate(token, header, another(i)); err != nil {
				t.Fatal(err)
			}
			if err := r.grpcCreate(token, strings.ToLower(header), another(100+i)); err != nil {
				t.Fatal(err)
			}
		}
		mustBeRefused(t, func(i int) error { return r.restCreate(token, header, another(i)+", 192.0.2.200") })
		for _, line := range r.log.lines(t, "request") {
			if line["address"] == "127.0.0.1" {
				t.Fatalf("the log has the proxy's address: %v", line)
			}
		}
	})
}

func TestHealthAndAdminAreNotLimited(t *testing.T) {
	r := limited(t, server.RateLimits{Address: 1, AddressBurst: 1, User: 1, UserBurst: 1})
	r.SetStarted()
	health := healthpb.NewHealthClient(r.conn())
	for range 50 {
		if _, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		if code, _ := r.get("/health/live"); code != http.StatusOK {
			t.Fatal(code)
		}
	}
}

// A stream counts as one call, when it begins.
func TestStreamsAreLimited(t *testing.T) {
	for _, limits := range []server.RateLimits{{User: 1, UserBurst: 3}, {Address: 1, AddressBurst: 3}} {
		r := limited(t, limits)
		client, ctx := r.dial(r.bearer())
		_, refusal := untilRefused(t, func(int) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := client.WatchShelf(ctx, &testpb.GetShelfRequest{Id: "1"})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return err
		})
		if refusal.RetryAfter <= 0 {
			t.Errorf("%+v", refusal)
		}
	}
}

// Replicas count together through Redis, and each for itself when it goes away.
func TestReplicasCountTogether(t *testing.T) {
	redis := redistest.Own(t)
	var rigs []*rig
	for range 2 {
		rigs = append(rigs, startOpts(t, func(c *server.Config) {
			c.RateLimits = server.RateLimits{User: 1, UserBurst: 20}
		}, func(o *server.Options) { o.Redis = redistest.Open(t, redis.URL()) }))
	}
	both := func(i int) error { return rigs[i%2].grpcCreate(rigs[i%2].bearer()) }
	if passed, _ := untilRefused(t, both); passed < 20 || passed > 30 {
		t.Errorf("%d passed", passed)
	}
	redis.Stop()
	for i := range 20 {
		if err := both(i); err != nil {
			t.Fatalf("without Redis: %v", err)
		}
	}
	if _, refusal := untilRefused(t, both); status.Convert(errs.Status(refusal).Err()).Code() != codes.ResourceExhausted {
		t.Errorf("%+v", refusal)
	}
}

func TestBadLimitsStopTheStart(t *testing.T) {
	for want, limits := range map[string]server.RateLimits{
		"RATE_LIMIT_USER=-1":              {User: -1},
		"RATE_LIMIT_ADDRESS_BURST=0":      {Address: 5},
		`TRUSTED_PROXIES="10.0.0.0/99"`:   {TrustedProxies: []string{"10.0.0.0/99"}},
		`TRUSTED_PROXIES="my.proxy.test"`: {TrustedProxies: []string{" my.proxy.test"}},
	} {
		if err := limits.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}
