package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"orderflow.example/kit/errs"
)

const (
	issuerTimeout  = 5 * time.Second  // one request to the issuer
	discoveryPause = time.Second      // after a failed discovery
	keysPause      = time.Second      // between two reads of the keys, however many tokens name an unknown one
	rediscover     = 10 * time.Minute // so that a withdrawn key is forgotten
)

// issuer verifies the tokens of the one issuer that counts, with the keys it publishes. A key not seen before makes the keys be read again.
type issuer struct {
	cfg    Config
	log    *slog.Logger
	now    func() time.Time
	client *http.Client

	current atomic.Pointer[discovered]

	mu       sync.Mutex // held while the issuer is asked
	failure  error
	failedAt time.Time
}

type discovered struct {
	verifier *oidc.IDTokenVerifier
	at       time.Time
}

func newIssuer(cfg Config, log *slog.Logger, now func() time.Time) *issuer {
	client := &http.Client{Timeout: issuerTimeout, Transport: newIssuerTransport(keysPause)}
	return &issuer{cfg: cfg, log: log, now: now, client: client}
}

// verify checks signature, algorithm, issuer, audience and expiry.
func (i *issuer) verify(ctx context.Context, raw string) (verified, error) {
	verifier, err := i.verifier(ctx)
	if err != nil {
		return verified{}, err
	}
	var fetch error
	token, err := verifier.Verify(context.WithValue(ctx, fetchErrorKey{}, &fetch), raw)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return verified{}, errExpired.Wrap(err)
	case fetch != nil && ctx.Err() != nil:
		return verified{}, ctx.Err()
	case fetch != nil:
		return verified{}, unavailable(fetch)
	case err != nil:
		return verified{}, invalidToken(err)
	}
	var claims struct {
		Name  string   `json:"name"`
		Email string   `json:"email"`
		Roles []string `json:"roles"`
	}
	if err := token.Claims(&claims); err != nil {
		return verified{}, invalidToken(err)
	}
	if token.Subject == "" {
		return verified{}, invalidToken(errors.New("the token has no subject"))
	}
	until := i.now().Add(cacheFor)
	if token.Expiry.Before(until) {
		until = token.Expiry
	}
	principal := Principal{Subject: token.Subject, Name: claims.Name, Email: claims.Email, Roles: claims.Roles, Expires: token.Expiry}
	return verified{principal: principal, until: until}, nil
}

// verifier discovers the issuer at the first call, and now and then again; while a new discovery fails or runs, the old one serves.
func (i *issuer) verifier(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	known := i.current.Load()
	if known != nil && i.now().Sub(known.at) < rediscover {
		return known.verifier, nil
	}
	if known == nil {
		i.mu.Lock()
	} else if !i.mu.TryLock() {
		return known.verifier, nil
	}
	defer i.mu.Unlock()
	if newer := i.current.Load(); newer != known {
		return newer.verifier, nil
	}
	if i.failure != nil && i.now().Sub(i.failedAt) < discoveryPause {
		return verifierOr(known, i.failure)
	}
	fresh, err := i.discover(ctx)
	if err != nil {
		i.failure, i.failedAt = err, i.now()
		i.log.WarnContext(ctx, "token issuer not reached", "issuer", i.cfg.Issuer, "error", err)
		return verifierOr(known, err)
	}
	i.failure = nil
	i.current.Store(fresh)
	return fresh.verifier, nil
}

func verifierOr(known *discovered, err error) (*oidc.IDTokenVerifier, error) {
	if known != nil {
		return known.verifier, nil
	}
	return nil, unavailable(err)
}

func unavailable(cause error) error {
	return errs.New(errs.Unavailable, "ISSUER_UNAVAILABLE", "the token can't be verified now: its issuer does not answer").
		Retry(discoveryPause).Wrap(cause)
}

// discover reads the issuer's configuration. It does not end with the caller's context: other callers wait for the same answer.
func (i *issuer) discover(ctx context.Context) (*discovered, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerTimeout)
	defer cancel()
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", i.cfg.Issuer, err)
	}
	var metadata struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("discover %s: %w", i.cfg.Issuer, err)
	}
	keys := keySet{oidc.NewRemoteKeySet(ctx, metadata.KeysURL)}
	verifier := oidc.NewVerifier(i.cfg.Issuer, keys, &oidc.Config{
		ClientID:             i.cfg.Audience,
		SupportedSigningAlgs: algorithms,
		Now:                  i.now,
	})
	return &discovered{verifier: verifier, at: i.now()}, nil
}
