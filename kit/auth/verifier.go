package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/errs"
)

const (
	cacheSize = 10_000          // verified tokens remembered: about 500 bytes each
	cacheFor  = 5 * time.Minute // how long a withdrawn key may live on in the cache
	maxToken  = 8 << 10         // bytes
)

// Verifier verifies tokens and applies rules. It may be used by many goroutines at once.
type Verifier struct {
	mode   string
	issuer *issuer
	cache  *lru.Cache[[sha256.Size]byte, verified]
	now    func() time.Time
}

// verified is a token that has been found good.
type verified struct {
	principal Principal
	until     time.Time
}

// NewVerifier checks the configuration. The issuer is asked at the first need, not here: it may start after us.
func NewVerifier(cfg Config, log *slog.Logger) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cache, err := lru.New[[sha256.Size]byte, verified](cacheSize)
	if err != nil {
		return nil, err
	}
	v := &Verifier{mode: cfg.Mode, cache: cache, now: time.Now}
	v.issuer = newIssuer(cfg, log, func() time.Time { return v.now() })
	return v, nil
}

// Enabled tells whether tokens are asked for at all.
func (v *Verifier) Enabled() bool { return v.mode == ModeOIDC }

// Check tells whether tokens can be verified: the issuer has told its keys at least once.
func (v *Verifier) Check(ctx context.Context) error {
	if !v.Enabled() {
		return nil
	}
	_, err := v.issuer.verifier(ctx)
	return err
}

func (v *Verifier) authenticate(ctx context.Context) (Principal, error) {
	if !v.Enabled() {
		return Principal{Subject: "anonymous", Name: "anonymous", all: true}, nil
	}
	token, err := bearerToken(ctx)
	if err != nil {
		return Principal{}, err
	}
	return v.Verify(ctx, token)
}

// bearerToken takes the token from the call's metadata, which for REST is the Authorization header.
func bearerToken(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return "", errs.New(errs.Unauthenticated, "TOKEN_MISSING", "a token is needed: Authorization: Bearer <token>")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", invalidToken(errors.New("not one bearer token"))
	}
	return token, nil
}

func invalidToken(cause error) error {
	return errs.New(errs.Unauthenticated, "TOKEN_INVALID", "the token is not valid here").Wrap(cause)
}

// Verify returns who a token speaks for. Its errors are Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID) or Unavailable (ISSUER_UNAVAILABLE).
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	key := sha256.Sum256([]byte(token))
	if hit, ok := v.cache.Get(key); ok && v.now().Before(hit.until) {
		return hit.principal, nil
	}
	good, err := v.issuer.verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	v.cache.Add(key, good)
	return good.principal, nil
}
