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
	"github.com/go-jose/go-jose/v4/jwt"

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

	mu       sync.Mutex
	running  chan struct{} // closed when the discovery that runs has ended; nil while none runs
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

// verify checks signature, algorithm, issuer, audience and time.
func (i *issuer) verify(ctx context.Context, raw string) (verified, error) {
	verifier, err := i.verifier(ctx)
	if err != nil {
		return verified{}, err
	}
	var fetch error
	token, err := verifier.Verify(context.WithValue(ctx, fetchErrorKey{}, &fetch), raw)
	switch {
	case fetch != nil && ctx.Err() != nil:
		return verified{}, ctx.Err()
	case fetch != nil:
		return verified{}, unavailable(fetch)
	case err != nil:
		return verified{}, invalidToken(err)
	}
	return i.read(token)
}

// read takes from a token that the issuer has signed what we need, and holds it to its time.
func (i *issuer) read(token *oidc.IDToken) (verified, error) {
	var claims struct {
		Name      string           `json:"name"`
		Email     string           `json:"email"`
		NotBefore *jwt.NumericDate `json:"nbf"`
	}
	var all map[string]any
	if err := errors.Join(token.Claims(&claims), token.Claims(&all)); err != nil {
		return verified{}, invalidToken(err)
	}
	now := i.now()
	ends := token.Expiry.Add(i.cfg.ClockSkew)
	if !now.Before(ends) {
		return verified{}, errExpired.Wrap(fmt.Errorf("at %s", token.Expiry))
	}
	if claims.NotBefore != nil && now.Add(i.cfg.ClockSkew).Before(claims.NotBefore.Time()) {
		return verified{}, invalidToken(fmt.Errorf("it counts from %s on", claims.NotBefore.Time()))
	}
	if token.Subject == "" {
		return verified{}, invalidToken(errors.New("the token has no subject"))
	}
	roles, err := rolesIn(all, i.cfg.RolesClaim)
	if err != nil {
		return verified{}, invalidToken(err)
	}
	until := now.Add(cacheFor)
	if ends.Before(until) {
		until = ends
	}
	principal := Principal{Subject: token.Subject, Name: claims.Name, Email: claims.Email, Roles: roles, Expires: ends}
	return verified{principal: principal, until: until}, nil
}

// verifier discovers the issuer at the first call, and now and then again. Once there is one, no call waits for a newer.
func (i *issuer) verifier(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	known := i.current.Load()
	if known != nil && i.now().Sub(known.at) < rediscover {
		return known.verifier, nil
	}
	done := i.discoverOnce(ctx)
	if known != nil {
		return known.verifier, nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if found := i.current.Load(); found != nil {
		return found.verifier, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return nil, unavailable(i.failure)
}

var ended = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// discoverOnce begins a discovery, unless one runs or has just ended. The channel is closed when it has ended. What is known
// is kept until all of the new is there: when it fails, the known keys go on to count.
func (i *issuer) discoverOnce(ctx context.Context) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running != nil {
		return i.running
	}
	known := i.current.Load()
	if known != nil && i.now().Sub(known.at) < rediscover || i.failure != nil && i.now().Sub(i.failedAt) < discoveryPause {
		return ended
	}
	done := make(chan struct{})
	i.running = done
	go func() {
		fresh, err := i.discover(ctx)
		if err != nil {
			i.log.WarnContext(ctx, "token issuer not reached", "issuer", i.cfg.Issuer, "error", err)
		} else {
			i.current.Store(fresh)
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.failure, i.failedAt, i.running = err, i.now(), nil
		close(done)
	}()
	return done
}

func unavailable(cause error) error {
	return errs.New(errs.Unavailable, "ISSUER_UNAVAILABLE", "the token can't be verified now: its issuer does not answer").
		Retry(discoveryPause).Wrap(cause)
}

// discover reads the issuer's configuration and its keys. It does not end with the caller's context: other callers wait for
// the same answer.
func (i *issuer) discover(ctx context.Context) (*discovered, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*issuerTimeout)
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
	if err := keys.fetch(ctx); err != nil {
		return nil, fmt.Errorf("keys of %s: %w", i.cfg.Issuer, err)
	}
	verifier := oidc.NewVerifier(i.cfg.Issuer, keys, &oidc.Config{
		ClientID:             i.cfg.Audience,
		SupportedSigningAlgs: i.cfg.Algorithms,
		SkipExpiryCheck:      true, // read does it, with our leeway
	})
	return &discovered{verifier: verifier, at: i.now()}, nil
}
