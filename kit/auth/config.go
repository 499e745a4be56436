// Package auth finds out who calls and whether they may: it verifies JWTs of one OIDC issuer and applies a table of rules by gRPC method.
package auth

import (
	"fmt"
	"net"
	"net/url"
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
	if err != nil || (issuer.Scheme != "http" && issuer.Scheme != "https") || issuer.Host == "" {
		return fmt.Errorf("AUTH_ISSUER=%q: needed with AUTH_MODE=%s, an http or https URL", c.Issuer, ModeOIDC)
	}
	if c.Audience == "" {
		return fmt.Errorf("AUTH_AUDIENCE is empty: needed with AUTH_MODE=%s", ModeOIDC)
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
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("AUTH_MODE=none: only loopback addresses are allowed, %q is none", addr)
		}
	}
	return nil
}
