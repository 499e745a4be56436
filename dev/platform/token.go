package platform

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"orderflow.example/dev/issuer"
)

// TokenLifetime is long: a laptop's tokens are pasted, not refreshed.
const TokenLifetime = 30 * 24 * time.Hour

// Token makes a token for a user of the platform, with a mail address of its own.
func Token(signer *issuer.Signer, user string, roles ...string) (string, error) {
	return TokenFor(signer, TokenLifetime, user, roles...)
}

// TokenFor is Token with another lifetime.
func TokenFor(signer *issuer.Signer, lifetime time.Duration, user string, roles ...string) (string, error) {
	return signer.Token(issuer.TokenSpec{
		Subject: user, Name: "Customer " + user, Email: user + "@customers.example", Roles: roles,
		Audience: []string{Audience}, Lifetime: lifetime,
	})
}

// Signer opens the issuer of a data directory, whether a platform runs on it (its addresses) or not (nil, and the
// ports that it would have).
func Signer(dataDir string, running *Addresses, ports Ports) (*issuer.Signer, error) {
	url := "http://127.0.0.1:" + strconv.Itoa(ports.Issuer)
	if running != nil {
		url = running.Issuer
	}
	signer, err := issuer.Open(filepath.Join(dataDir, "issuer"), url)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return signer, nil
}
