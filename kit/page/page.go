// Package page makes the tokens by which a client asks for the next page of a list. A token holds the position of the
// last row that was shown, so that rows inserted meanwhile shift nothing.
package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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

// Token writes a position.
func Token[P any](position P) (string, error) {
	text, err := json.Marshal(position)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// Position reads a token; nil for an empty one, which asks for the first page. A token that this package did not make
// is the client's error.
func Position[P any](token string) (*P, error) {
	if token == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, badToken()
	}
	position := new(P)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // a token of another list
	if err := decoder.Decode(position); err != nil {
		return nil, badToken()
	}
	return position, nil
}

// OtherFilters is the answer to a token that goes with a list of other filters.
func OtherFilters() error {
	return errs.Invalid(errs.Field{Name: "pageToken", Rule: "page_token", Description: "goes with other filters than these"})
}

// Total is the number of rows on all pages as it is shown: at most what an int32 holds.
func Total(n int64) int32 { return int32(min(n, math.MaxInt32)) }

func badToken() error {
	return errs.Invalid(errs.Field{Name: "pageToken", Rule: "page_token", Description: "must be the nextPageToken of an earlier page"})
}
