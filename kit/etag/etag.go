// Package etag guards a change by the entity tag that its caller has seen, as RFC 9110 has it for ETag and If-Match.
// Over gRPC both are metadata of these names in lower case.
package etag

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/errs"
)

// Of is the strong entity tag of a version.
func Of(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// Send sends the entity tag of the answer.
func Send(ctx context.Context, tag string) error {
	return grpc.SetHeader(ctx, metadata.Pairs("etag", tag))
}

// Condition is the If-Match of a call. The zero one holds for any state.
type Condition struct {
	asked bool
	any   bool     // If-Match: *
	tags  []string // strong ones, with their quotes; a weak one matches nothing
}

// IfMatch reads the call's If-Match: * or a list of entity tags. A malformed one is InvalidArgument.
func IfMatch(ctx context.Context) (Condition, error) {
	headers := metadata.ValueFromIncomingContext(ctx, "if-match")
	if len(headers) == 0 {
		return Condition{}, nil
	}
	c := Condition{asked: true}
	text := strings.Trim(strings.Join(headers, ","), " \t")
	if text == "*" {
		c.any = true
		return c, nil
	}
	tags, ok := parse(text)
	if !ok {
		return c, errs.Invalid(errs.Field{Name: "If-Match", Rule: "if_match.form",
			Description: `must be * or a list of entity tags, each in double quotes, such as "7"`})
	}
	c.tags = tags
	return c, nil
}

// Holds tells whether a state with this entity tag may be changed. The comparison is the strong one of RFC 9110, so that
// a weak tag never matches.
func (c Condition) Holds(tag string) bool {
	if !c.asked || c.any {
		return true
	}
	for _, t := range c.tags {
		if t == tag {
			return true
		}
	}
	return false
}

// Check refuses a state that the condition does not hold for: ABORTED, which is 409 over REST, with the current tag.
// What names the thing, such as "order 7".
func (c Condition) Check(tag, what string) error {
	if c.Holds(tag) {
		return nil
	}
	return errs.New(errs.Aborted, "ETAG_MISMATCH", "%s has changed: its etag is %s now", what, tag).With("etag", tag).NoRetry()
}

// parse reads #entity-tag of RFC 9110: [W/]"…", separated by commas, empty elements passed over. ok is false when it is
// malformed or names no tag.
func parse(text string) (strong []string, ok bool) {
	for {
		text = strings.TrimLeft(text, " \t,")
		if text == "" {
			return strong, ok
		}
		rest, weak := strings.CutPrefix(text, "W/")
		end := closing(rest)
		if end < 0 {
			return nil, false
		}
		if !weak {
			strong = append(strong, rest[:end])
		}
		ok = true
		text = strings.TrimLeft(rest[end:], " \t")
		if text != "" && text[0] != ',' {
			return nil, false
		}
	}
}

// closing is the index after the opaque tag that text begins with; negative when it begins with none.
func closing(text string) int {
	if text == "" || text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c < '!' || c == 0x7f: // no space, no control character
			return -1
		}
	}
	return -1
}
