package command

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTokenRefusals(t *testing.T) {
	dir := t.TempDir()
	mark(t, dir)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no user":            {nil, "--user is required"},
		"empty user":         {[]string{"--user", ""}, "--user is required"},
		"blank user":         {[]string{"--user", " "}, "--user is required"},
		"user with a break":  {[]string{"--user", "a\nb"}, "--user"},
		"too long a user":    {[]string{"--user", strings.Repeat("u", 256)}, "1 to 255"},
		"unknown role":       {[]string{"--user", "u", "--role", "admin"}, `--role "admin": must be one of customer, staff, catalogue, auditor, service`},
		"empty role":         {[]string{"--user", "u", "--role="}, ""},
		"role in other case": {[]string{"--user", "u", "--role", "Staff"}, `--role "Staff"`},
		"no lifetime":        {[]string{"--user", "u", "--ttl", "0s"}, "--ttl 0s: must be 1s or more"},
		"negative lifetime":  {[]string{"--user", "u", "--ttl", "-1h"}, "--ttl -1h0m0s"},
		"no duration":        {[]string{"--user", "u", "--ttl", "soon"}, "--ttl"},
		"a user as argument": {[]string{"u"}, "u"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := execute(t, append([]string{"token", "--data", dir}, c.args...)...)
			if c.want == "" { // no role at all
				if err != nil {
					t.Errorf("%v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || out != "" {
				t.Errorf("%v, output %q; want one line with %q", err, out, c.want)
			}
		})
	}
}

func TestTokenClaims(t *testing.T) {
	dir := t.TempDir()
	mark(t, dir)
	for _, c := range []struct {
		args  []string
		roles []string
		ttl   time.Duration
	}{
		{nil, []string{}, 30 * 24 * time.Hour},
		{[]string{"--role", "staff", "--role", "catalogue", "--ttl", "90s"}, []string{"staff", "catalogue"}, 90 * time.Second},
		{[]string{"--role", "staff,auditor"}, []string{"staff", "auditor"}, 30 * 24 * time.Hour},
	} {
		out, err := execute(t, append([]string{"token", "--data", dir, "--user", "u123"}, c.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(strings.TrimSpace(out), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Sub      string
			Roles    []string
			Iat, Exp int64
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Sub != "u123" || !slices.Equal(claims.Roles, c.roles) || claims.Exp-claims.Iat != int64(c.ttl.Seconds()) {
			t.Errorf("%v: %+v", c.args, claims)
		}
	}
}
