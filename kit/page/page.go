// Package page makes the tokens by which a client asks for the next page of a list. A token holds the position of the
// last row that was shown, so that rows inserted meanwhile shift nothing.
package page

import (
	"encoding/base64"
	"encoding/json"

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
	if err := json.Unmarshal(text, position); err != nil {
		return nil, badToken()
	}
	return position, nil
}

func badToken() error {
	return errs.Invalid(errs.Field{Name: "pageToken", Rule: "page_token", Description: "must be the nextPageToken of an earlier page"})
}
