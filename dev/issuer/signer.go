package issuer

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	algorithm       = jose.ES256
	defaultLifetime = time.Hour
)

// Signer signs tokens with the issuer's key.
type Signer struct {
	url string
	key jose.JSONWebKey
}

// TokenSpec says what a token claims.
type TokenSpec struct {
	Subject  string // required
	Name     string
	Email    string
	Roles    []string
	Audience []string      // required
	Lifetime time.Duration // one hour when zero; a negative one makes an expired token
	IssuedAt time.Time     // now when zero
}

// claims are what only our tokens carry, beside the registered ones.
type claims struct {
	Name  string   `json:"name,omitempty"`
	Email string   `json:"email,omitempty"`
	Roles []string `json:"roles"`
}

// Open loads the key from the data directory, or makes one, to sign tokens of the issuer with the given URL without serving it.
func Open(dataDir, url string) (*Signer, error) {
	if dataDir == "" {
		return nil, errors.New("issuer: DataDir is required")
	}
	key, err := loadKey(dataDir)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &Signer{url: strings.TrimRight(url, "/"), key: jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(algorithm), Use: "sig"}}, nil
}

// URL is the issuer's name, under which its discovery document is found.
func (s *Signer) URL() string { return s.url }

// Token signs a JWT.
func (s *Signer) Token(spec TokenSpec) (string, error) {
	if spec.Subject == "" || len(spec.Audience) == 0 {
		return "", errors.New("issuer: a token needs a subject and an audience")
	}
	if spec.Lifetime == 0 {
		spec.Lifetime = defaultLifetime
	}
	if spec.IssuedAt.IsZero() {
		spec.IssuedAt = time.Now()
	}
	if spec.Roles == nil {
		spec.Roles = []string{}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: s.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	token, err := jwt.Signed(signer).
		Claims(jwt.Claims{
			Issuer: s.url, Subject: spec.Subject, Audience: spec.Audience,
			IssuedAt: jwt.NewNumericDate(spec.IssuedAt), Expiry: jwt.NewNumericDate(spec.IssuedAt.Add(spec.Lifetime)),
		}).
		Claims(claims{Name: spec.Name, Email: spec.Email, Roles: spec.Roles}).
		Serialize()
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	return token, nil
}

func (s *Signer) public() jose.JSONWebKey { return s.key.Public() }

// keyID is the key's thumbprint (RFC 7638): the same key has the same id, whoever computes it.
func keyID(key *ecdsa.PublicKey) (string, error) {
	public := jose.JSONWebKey{Key: key}
	sum, err := public.Thumbprint(thumbprintHash)
	if err != nil {
		return "", err
	}
	return encodeID(sum), nil
}
