package auth_test

import (
	"slices"
	"testing"
	"time"

	"orderflow.example/kit/auth/authtest"
)

func TestRolesClaim(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	list := func(roles ...any) []any { return roles }
	tests := []struct {
		name   string
		path   string
		claims map[string]any // beside those of a good token
		want   []string
		reason string
	}{
		{"default", "", map[string]any{"roles": list("staff", "auditor")}, []string{"staff", "auditor"}, ""},
		{"default, absent", "", map[string]any{"roles": nil}, nil, ""},
		{"other name", "groups", map[string]any{"groups": list("staff")}, []string{"staff"}, ""},
		{"nested", "realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": list("staff")}}, []string{"staff"}, ""},
		{"deeper", "resource_access.orderflow.roles", map[string]any{"resource_access": map[string]any{"orderflow": map[string]any{"roles": list("staff")}}}, []string{"staff"}, ""},
		{"nested, absent", "realm_access.roles", map[string]any{"realm_access": map[string]any{}}, nil, ""},
		{"nested, through a text", "realm_access.roles", map[string]any{"realm_access": "staff"}, nil, ""},
		{"a name with dots", "https://shop.example/roles", map[string]any{"https://shop.example/roles": list("staff")}, []string{"staff"}, ""},
		{"what stands elsewhere does not count", "realm_access.roles", map[string]any{"roles": list("staff")}, nil, ""},
		{"a text", "", map[string]any{"roles": "staff"}, nil, "TOKEN_INVALID"},
		{"numbers", "", map[string]any{"roles": list("staff", 7)}, nil, "TOKEN_INVALID"},
		{"an object", "realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": map[string]any{"staff": true}}}, nil, "TOKEN_INVALID"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := issuer.Config()
			cfg.RolesClaim = tt.path
			claims := issuer.Claims("u1", "auditor")
			for name, value := range tt.claims {
				claims[name] = value
			}
			principal, err := verifier(t, cfg).Verify(t.Context(), issuer.Sign(claims))
			if reasonOf(err) != tt.reason {
				t.Fatalf("%v, want %q", err, tt.reason)
			}
			if !slices.Equal(principal.Roles, tt.want) {
				t.Errorf("roles %q, want %q", principal.Roles, tt.want)
			}
		})
	}
}

// The issuer's clock may be a little before or behind ours.
func TestClockSkew(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	cfg := issuer.Config()
	cfg.ClockSkew = 30 * time.Second
	v := verifier(t, cfg)
	now := time.Now().Truncate(time.Second)
	v.SetNow(func() time.Time { return now })
	tests := []struct {
		claim  string
		offset time.Duration
		reason string
	}{
		{"exp", time.Second, ""},
		{"exp", -29 * time.Second, ""},
		{"exp", -30 * time.Second, "TOKEN_EXPIRED"},
		{"exp", -time.Hour, "TOKEN_EXPIRED"},
		{"nbf", 30 * time.Second, ""},
		{"nbf", 31 * time.Second, "TOKEN_INVALID"},
		{"nbf", -time.Hour, ""},
	}
	for _, tt := range tests {
		claims := issuer.Claims("u1")
		claims[tt.claim] = now.Add(tt.offset).Unix()
		if _, err := v.Verify(t.Context(), issuer.Sign(claims)); reasonOf(err) != tt.reason {
			t.Errorf("%s in %s: %v, want %q", tt.claim, tt.offset, err, tt.reason)
		}
	}
}

// A cached token counts as long as a new one would: until its expiry and the leeway.
func TestCacheKeepsToTheLeeway(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	cfg := issuer.Config()
	cfg.ClockSkew = 30 * time.Second
	v := verifier(t, cfg)
	claims := issuer.Claims("u1")
	expiry := time.Now().Add(time.Minute).Truncate(time.Second)
	claims["exp"] = expiry.Unix()
	token := issuer.Sign(claims)
	for _, at := range []struct {
		now    time.Time
		reason string
	}{{expiry.Add(-time.Minute), ""}, {expiry.Add(29 * time.Second), ""}, {expiry.Add(30 * time.Second), "TOKEN_EXPIRED"}} {
		v.SetNow(func() time.Time { return at.now })
		if _, err := v.Verify(t.Context(), token); reasonOf(err) != at.reason {
			t.Errorf("%s after the expiry: %v, want %q", at.now.Sub(expiry), err, at.reason)
		}
	}
}
