// Package auth finds out who calls and whether they may: it verifies JWTs of one OIDC issuer and applies a table of rules by gRPC method.
package auth

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Modes of AUTH_MODE.
const (
	ModeOIDC = "oidc" // a JWT of AUTH_ISSUER on every call
	ModeNone = "none" // everybody may do everything; for a loopback address only
)

// Config is what an operator sets.
type Config struct {
	Mode     string `env:"AUTH_MODE" envDefault:"oidc"`
	Issuer   string `env:"AUTH_ISSUER"`   // URL; its /.well-known/openid-configuration is read
	Audience string `env:"AUTH_AUDIENCE"` // what a token's aud must hold
	// Algorithms may sign a token: pinned, so that neither its header nor the issuer has a say. RS256 and ES256 when empty.
	Algorithms []string `env:"AUTH_ALGORITHMS" envDefault:"RS256,ES256"`
	// RolesClaim holds the caller's roles, a list of texts: a claim's name, or a path as realm_access.roles. "roles" when empty.
	RolesClaim string `env:"AUTH_ROLES_CLAIM" envDefault:"roles"`
	// ClockSkew is how far apart the issuer's clock and ours may be: a token counts so much before and after its time.
	ClockSkew time.Duration `env:"AUTH_CLOCK_SKEW" envDefault:"30s"`
}

// allowedAlgorithms are all by which only the holder of a private key can sign. A secret that both sides know is no choice:
// the published key would be one.
var allowedAlgorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

const maxClockSkew = 5 * time.Minute

// withDefaults is for a Config that was not read from the environment.
func (c Config) withDefaults() Config {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{oidc.RS256, oidc.ES256}
	}
	if c.RolesClaim == "" {
		c.RolesClaim = "roles"
	}
	return c
}

// check names the variable that is wrong, its value, and what is allowed.
func (c Config) check() error {
	switch c.Mode {
	case ModeNone:
		return nil
	case ModeOIDC:
	default:
		return fmt.Errorf("AUTH_MODE=%q: allowed are %s and %s", c.Mode, ModeOIDC, ModeNone)
	}
	issuer, err := url.Parse(c.Issuer)
	if err == nil && issuer.User != nil {
		return fmt.Errorf("AUTH_ISSUER=%q: a name or password in it would be shown in logs, and is not taken", issuer.Redacted())
	}
	if err != nil || (issuer.Scheme != "http" && issuer.Scheme != "https") || issuer.Host == "" {
		return fmt.Errorf("AUTH_ISSUER=%q: needed with AUTH_MODE=%s, an http or https URL", c.Issuer, ModeOIDC)
	}
	if c.Audience == "" {
		return fmt.Errorf("AUTH_AUDIENCE is empty: needed with AUTH_MODE=%s", ModeOIDC)
	}
	for _, algorithm := range c.Algorithms {
		if !slices.Contains(allowedAlgorithms, algorithm) {
			return fmt.Errorf("AUTH_ALGORITHMS=%s: %q is not allowed, only %s", strings.Join(c.Algorithms, ","), algorithm, strings.Join(allowedAlgorithms, ", "))
		}
	}
	if slices.Contains(strings.Split(c.RolesClaim, "."), "") && c.RolesClaim != "" {
		return fmt.Errorf("AUTH_ROLES_CLAIM=%q: must be a claim's name, or names with a dot between them", c.RolesClaim)
	}
	if c.ClockSkew < 0 || c.ClockSkew > maxClockSkew {
		return fmt.Errorf("AUTH_CLOCK_SKEW=%s: must be 0s to %s", c.ClockSkew, maxClockSkew)
	}
	return nil
}

// CheckAddrs refuses to run without authentication where others can reach it: with AUTH_MODE=none each address must be a loopback one.
func (v *Verifier) CheckAddrs(addrs ...string) error {
	if v.Enabled() {
		return nil
	}
	for _, addr := range addrs {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return fmt.Errorf("address %q: %w", addr, err)
		}
		if ip := net.ParseIP(host); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("AUTH_MODE=none: only loopback addresses are allowed, %q is none", addr)
		}
	}
	return nil
}
