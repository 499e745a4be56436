package api

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

// sagasMark is the mark of the saga list, which has no filters.
const sagasMark = "sagas"

// fingerprint marks a page token with the filters that it goes with.
func fingerprint(f store.Filter) string {
	number := func(n *int64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatInt(*n, 10)
	}
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%q %q %s %s %d %d %s %s", f.Owner, f.UserID, f.Status, f.PaymentStatus,
		sqldb.Micros(f.CreatedFrom), sqldb.Micros(f.CreatedBefore), number(f.MinTotal), number(f.MaxTotal))
	return strconv.FormatUint(hash.Sum64(), 36)
}

// pageToken says where the next page of a list begins. It is opaque to clients.
func pageToken(mark string, p store.Position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(mark + " " + strconv.FormatInt(sqldb.Micros(p.At), 10) + " " + p.ID))
}

// parsePageToken reads a page token; an empty one is the first page. One made for another list is refused.
func parsePageToken(token, mark string) (*store.Position, error) {
	if token == "" {
		return nil, nil
	}
	refused := errs.Invalid(errs.Field{
		Name: "pageToken", Rule: "page_token.valid", Description: "is not the nextPageToken of a page with the same filters",
	})
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, refused.Wrap(err)
	}
	parts := strings.SplitN(string(text), " ", 3)
	if len(parts) != 3 || parts[0] != mark {
		return nil, refused
	}
	micros, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return nil, refused.Wrap(err)
	}
	return &store.Position{At: sqldb.Time(micros), ID: parts[2]}, nil
}
