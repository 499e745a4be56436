package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const maxIssuerAnswer = 1 << 20 // bytes

var errNoAnswer = errors.New("no good answer")

// fetchFailed begins the library's error when keys could not be read, or were none.
const fetchFailed = "fetching keys"

type fetchErrorKey struct{}

// keySet tells a token that is bad from keys that could not be read: the library's verifier flattens both into one text.
type keySet struct{ remote *oidc.RemoteKeySet }

func (k keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, token)
	if err != nil && (strings.HasPrefix(err.Error(), fetchFailed) || ctx.Err() != nil) {
		if fetch, ok := ctx.Value(fetchErrorKey{}).(*error); ok {
			*fetch = err
		}
	}
	return payload, err
}

// unknownKey is a well-formed token that nobody has signed. The library reads the keys when it meets a key that it does not
// know, and has no other call for it.
const unknownKey = "eyJhbGciOiJFUzI1NiJ9.e30." + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// fetch reads the keys for the first time.
func (k keySet) fetch(ctx context.Context) error {
	var failure error
	if _, err := k.VerifySignature(context.WithValue(ctx, fetchErrorKey{}, &failure), unknownKey); err == nil {
		return errors.New("the issuer has signed what nobody can sign")
	}
	return failure
}

// issuerTransport asks the issuer for one thing at most once per pause, so that a flood of tokens with made-up keys is no flood at the issuer. A request that comes early waits.
type issuerTransport struct {
	base  *http.Transport
	pause time.Duration

	mu   sync.Mutex
	next map[string]time.Time // URL -> earliest next request
}

func newIssuerTransport(pause time.Duration) *issuerTransport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableKeepAlives = true // asked so rarely that a kept connection would be a waste
	return &issuerTransport{base: base, pause: pause, next: map[string]time.Time{}}
}

func (t *issuerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	timer := time.NewTimer(t.wait(req.URL.String()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-req.Context().Done():
		return nil, fmt.Errorf("%w: %w", errNoAnswer, req.Context().Err())
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // nothing of it is used
		return nil, fmt.Errorf("%w: HTTP status %d", errNoAnswer, resp.StatusCode)
	}
	resp.Body = limitedBody{io.LimitReader(resp.Body, maxIssuerAnswer), resp.Body}
	return resp, nil
}

// wait reserves the next turn and says how far away it is.
func (t *issuerTransport) wait(url string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	turn := t.next[url]
	if turn.Before(now) {
		turn = now
	}
	t.next[url] = turn.Add(t.pause)
	return turn.Sub(now)
}

type limitedBody struct {
	io.Reader
	io.Closer
}
