package auth

import (
	"context"
	"slices"
	"time"
)

// Customer is the role that every authenticated principal has.
const Customer = "customer"

// Principal is who calls.
type Principal struct {
	Subject string
	Name    string
	Email   string
	Roles   []string
	Expires time.Time // end of the token; zero: there is none

	all bool // has every role: AUTH_MODE=none
}

// Has tells whether the principal has at least one of the roles.
func (p Principal) Has(role ...string) bool {
	if p.Subject == "" {
		return false
	}
	if p.all || slices.Contains(role, Customer) {
		return true
	}
	for _, r := range role {
		if slices.Contains(p.Roles, r) {
			return true
		}
	}
	return false
}

type principalKey struct{}

// WithPrincipal returns a context that carries who calls.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext is who calls; without one it is the zero Principal, which has no role at all.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
