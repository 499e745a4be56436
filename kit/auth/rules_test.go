package auth_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/errs"
)

const method = "/test.Service/Method"

// call runs one call through both interceptors and returns the principal that the handler saw; both must agree.
func call(t *testing.T, v *auth.Verifier, rules map[string]auth.Rule, method string, headers ...string) (auth.Principal, error) {
	t.Helper()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(headers...))
	var unarySaw, streamSaw auth.Principal
	_, unaryErr := v.Unary(rules)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
		unarySaw = auth.FromContext(ctx)
		return nil, nil
	})
	streamErr := v.Stream(rules)(nil, contextStream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: method}, func(_ any, s grpc.ServerStream) error {
		streamSaw = auth.FromContext(s.Context())
		return nil
	})
	if reasonOf(unaryErr) != reasonOf(streamErr) || unarySaw.Subject != streamSaw.Subject {
		t.Errorf("unary %v %v, stream %v %v", unarySaw, unaryErr, streamSaw, streamErr)
	}
	return unarySaw, unaryErr
}

type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

func TestRules(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	bearer := func(roles ...string) []string {
		return []string{"authorization", "Bearer " + issuer.Token("u1", roles...)}
	}
	some := map[string]auth.Rule{method: {Roles: []string{"staff", "auditor"}}}
	customers := map[string]auth.Rule{method: {Roles: []string{auth.Customer}}}
	tests := []struct {
		name    string
		rules   map[string]auth.Rule
		method  string
		headers []string
		reason  string
		subject string
	}{
		{"one of the roles", some, method, bearer("auditor"), "", "u1"},
		{"none of the roles", some, method, bearer("service"), "ROLE_REQUIRED", ""},
		{"no role", some, method, bearer(), "ROLE_REQUIRED", ""},
		{"customer is anybody with a token", customers, method, bearer(), "", "u1"},
		{"staff is a customer, too", customers, method, bearer("staff"), "", "u1"},
		{"customer without a token", customers, method, nil, "TOKEN_MISSING", ""},
		{"public", map[string]auth.Rule{method: {Public: true}}, method, nil, "", ""},
		{"a bad token does not matter where it is public", map[string]auth.Rule{method: {Public: true}}, method, []string{"authorization", "Bearer x"}, "", ""},
		{"empty rule", map[string]auth.Rule{method: {}}, method, bearer("staff"), "ROLE_REQUIRED", ""},
		{"no rule", nil, method, bearer("staff"), "METHOD_NOT_PERMITTED", ""},
		{"health", nil, "/grpc.health.v1.Health/Check", nil, "", ""},
		{"reflection", nil, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", nil, "", ""},
		{"not quite health", nil, "/grpc.health.v1.HealthX/Check", nil, "METHOD_NOT_PERMITTED", ""},
		{"not a bearer", customers, method, []string{"authorization", "Basic dTpw"}, "TOKEN_INVALID", ""},
		{"empty bearer", customers, method, []string{"authorization", "Bearer "}, "TOKEN_INVALID", ""},
		{"no scheme", customers, method, []string{"authorization", "abc"}, "TOKEN_INVALID", ""},
		{"huge", customers, method, []string{"authorization", "Bearer " + strings.Repeat("x", 9000)}, "TOKEN_INVALID", ""},
		{"two tokens", customers, method, append(bearer(), bearer()...), "TOKEN_INVALID", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			principal, err := call(t, v, tt.rules, tt.method, tt.headers...)
			if got := reasonOf(err); got != tt.reason {
				t.Fatalf("reason %q (%v), want %q", got, err, tt.reason)
			}
			if principal.Subject != tt.subject {
				t.Errorf("subject %q, want %q", principal.Subject, tt.subject)
			}
			if tt.reason == "ROLE_REQUIRED" {
				e := errs.From(err)
				if want := strings.Join(tt.rules[method].Roles, ","); e.Code != errs.PermissionDenied || e.Metadata["roles"] != want {
					t.Errorf("%v, metadata %v", e.Code, e.Metadata)
				}
			}
		})
	}
}

// A stream of the server's ends with the token; one that the client writes to is over before that matters.
func TestStreamEndsWithTheToken(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	now := time.Now().Truncate(time.Second)
	v.SetNow(func() time.Time { return now })
	claims := issuer.Claims("u1")
	claims["exp"] = now.Add(time.Minute).Unix()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+issuer.Sign(claims)))
	stream := func(info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		info.FullMethod = method
		return v.Stream(map[string]auth.Rule{method: {Roles: []string{auth.Customer}}})(nil, contextStream{ctx: ctx}, info, handler)
	}
	untilEnd := func(_ any, s grpc.ServerStream) error {
		now = now.Add(time.Hour)
		<-s.Context().Done()
		return s.Context().Err()
	}
	now = now.Add(time.Minute - 100*time.Millisecond)
	if err := stream(&grpc.StreamServerInfo{}, untilEnd); reasonOf(err) != "TOKEN_EXPIRED" {
		t.Errorf("a watch that outlasts its token: %v", err)
	}
	now = now.Add(-2 * time.Hour)
	err := stream(&grpc.StreamServerInfo{IsClientStream: true}, func(_ any, s grpc.ServerStream) error {
		if _, limited := s.Context().Deadline(); limited {
			t.Error("an upload ends with the token")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := stream(&grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { return nil }); err != nil {
		t.Errorf("a watch that ends before: %v", err)
	}
}

func TestModeNone(t *testing.T) {
	v := verifier(t, auth.Config{Mode: auth.ModeNone})
	principal, err := call(t, v, map[string]auth.Rule{method: {Roles: []string{"staff"}}}, method)
	if err != nil || principal.Subject != "anonymous" || !principal.Has("staff") || !principal.Has("any-other") {
		t.Errorf("%+v %v", principal, err)
	}
	if _, err := call(t, v, nil, method); reasonOf(err) != "METHOD_NOT_PERMITTED" {
		t.Errorf("a method without a rule: %v", err)
	}
	if err := v.Check(t.Context()); err != nil {
		t.Error(err)
	}
	tests := map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "localhost:1": true, "[::1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "example.com:1": false,
		"LOCALHOST:1": true, "localhost.:1": false, "localhost.example.com:1": false, "127.0.0.1.example.com:1": false,
		"[::ffff:127.0.0.1]:1": true, "[::ffff:192.0.2.1]:1": false, "[fe80::1]:1": false, "127.0.0.1": false, "": false, "nonsense": false,
	}
	for addr, fine := range tests {
		if err := v.CheckAddrs("127.0.0.1:1", addr); (err == nil) != fine {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := verifier(t, authtest.NewIssuer(t).Config()).CheckAddrs(":1"); err != nil {
		t.Errorf("with tokens any address will do: %v", err)
	}
}

func TestPrincipalHas(t *testing.T) {
	if (auth.Principal{}).Has(auth.Customer) {
		t.Error("nobody is a customer")
	}
	if (auth.Principal{Subject: "u", Roles: []string{"staff"}}).Has() {
		t.Error("no role is asked for: nobody has it")
	}
	if p := auth.FromContext(context.Background()); p.Subject != "" || len(p.Roles) > 0 {
		t.Errorf("%+v", p)
	}
}

func TestConfig(t *testing.T) {
	tests := []struct {
		cfg  auth.Config
		want []string // in the error
	}{
		{auth.Config{Mode: "off"}, []string{"AUTH_MODE", `"off"`, "oidc", "none"}},
		{auth.Config{Mode: auth.ModeOIDC, Audience: "a"}, []string{"AUTH_ISSUER"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "issuer.example", Audience: "a"}, []string{"AUTH_ISSUER", "issuer.example"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://u:hunter2@issuer.example", Audience: "a"}, []string{"AUTH_ISSUER", "u:xxxxx@issuer.example"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example"}, []string{"AUTH_AUDIENCE"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example", Audience: "a", Algorithms: []string{"RS256", "HS256"}}, []string{"AUTH_ALGORITHMS", "HS256", "ES256"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example", Audience: "a", Algorithms: []string{"none"}}, []string{"AUTH_ALGORITHMS", "none"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example", Audience: "a", RolesClaim: "realm_access..roles"}, []string{"AUTH_ROLES_CLAIM", "realm_access..roles"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example", Audience: "a", ClockSkew: time.Hour}, []string{"AUTH_CLOCK_SKEW", "1h", "5m"}},
		{auth.Config{Mode: auth.ModeOIDC, Issuer: "https://issuer.example", Audience: "a", ClockSkew: -1}, []string{"AUTH_CLOCK_SKEW"}},
	}
	for _, tt := range tests {
		_, err := auth.NewVerifier(tt.cfg, nil)
		if err == nil {
			t.Errorf("%+v: accepted", tt.cfg)
			continue
		}
		if slices.ContainsFunc(tt.want, func(part string) bool { return !strings.Contains(err.Error(), part) }) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %q should name %v on one line", tt.cfg, err, tt.want)
		}
	}
}
