// Package page makes the tokens by which a client asks for the next page of a list. A token holds the position of the
// last row that was shown, so that rows inserted meanwhile shift nothing.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"

	"orderflow.example/kit/errs"
)

// DefaultSize is the size of a page when the client does not say, MaxSize the most that it may ask for.
const (
	DefaultSize = 10
	MaxSize     = 100
)

// Size is the number of rows for a requested page size: DefaultSize for 0.
func Size(requested int32) int {
	if requested == 0 {
		return DefaultSize
	}
	return min(int(requested), MaxSize)
}

// token is what a page token holds. The filters are there as a hash alone: what a client filters by may be long, and a
// token has to fit into the next request.
type token[P any] struct {
	Filters  []byte `json:"f"`
	Position P      `json:"p"`
}

// Token writes a position in the list that the filters make. Filters and position are values that JSON can hold; the
// token's length depends on the position alone.
func Token[P any](filters any, position P) (string, error) {
	hash, err := hashOf(filters)
	if err != nil {
		return "", err
	}
	return encode(token[P]{Filters: hash, Position: position})
}

// Position reads a token of the list that the filters make; nil for an empty one, which asks for the first page. A text
// that Token did not write, to the letter, and a token that goes with other filters are the client's errors.
func Position[P any](text string, filters any) (*P, error) {
	if text == "" {
		return nil, nil
	}
	content, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, badToken()
	}
	var read token[P]
	if err := json.Unmarshal(content, &read); err != nil {
		return nil, badToken()
	}
	// Written again, it is another text if it had unknown or missing fields, or characters that mean nothing.
	again, err := encode(read)
	if err != nil {
		return nil, err
	}
	if again != text {
		return nil, badToken()
	}
	hash, err := hashOf(filters)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(read.Filters, hash) {
		return nil, otherFilters()
	}
	return &read.Position, nil
}

func encode[P any](t token[P]) (string, error) {
	content, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write page token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(content), nil
}

// hashOf is the first half of a SHA-256: enough to tell filters apart.
func hashOf(filters any) ([]byte, error) {
	text, err := json.Marshal(filters)
	if err != nil {
		return nil, fmt.Errorf("hash filters of a page token: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:16], nil
}

// Total is the number of rows on all pages as it is shown: at most what an int32 holds.
func Total(n int64) int32 { return int32(min(n, math.MaxInt32)) }

func badToken() error {
	return errs.Invalid(errs.Field{Name: "pageToken", Rule: "page_token", Description: "must be the nextPageToken of an earlier page"})
}

func otherFilters() error {
	return errs.Invalid(errs.Field{Name: "pageToken", Rule: "page_token", Description: "goes with other filters than these"})
}
