package etag_test

import (
	"errors"
	"testing"

	"google.golang.org/grpc/metadata"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/etag"
)

func TestIfMatch(t *testing.T) {
	for _, c := range []struct {
		headers       []string
		holds, refuse bool
	}{
		{nil, true, false},
		{[]string{`"7"`}, true, false},
		{[]string{`"8"`}, false, false},
		{[]string{`*`}, true, false},
		{[]string{` * `}, true, false},
		{[]string{`"1", "7"`}, true, false},
		{[]string{`"1","2"`}, false, false},
		{[]string{`"1"`, `"7"`}, true, false},
		{[]string{`, "7" ,,`}, true, false},
		{[]string{`"a,b", "7"`}, true, false},
		{[]string{`"7,"`}, false, false},
		{[]string{`W/"7"`}, false, false},
		{[]string{`W/"7", "7"`}, true, false},
		{[]string{`""`}, false, false},
		{[]string{`7`}, false, true},
		{[]string{``}, false, true},
		{[]string{`,`}, false, true},
		{[]string{`"7`}, false, true},
		{[]string{`"7" "8"`}, false, true},
		{[]string{`"7"x`}, false, true},
		{[]string{`"7 "`}, false, true},
		{[]string{`w/"7"`}, false, true},
		{[]string{`W/ "7"`}, false, true},
		{[]string{`*, "7"`}, false, true},
		{[]string{"\"\x01\""}, false, true},
	} {
		md := metadata.MD{}
		md.Append("if-match", c.headers...)
		condition, err := etag.IfMatch(metadata.NewIncomingContext(t.Context(), md))
		var refused *errs.Error
		if c.refuse {
			if !errors.As(err, &refused) || refused.Code != errs.InvalidArgument || refused.Fields[0].Name != "If-Match" {
				t.Errorf("%q: %v", c.headers, err)
			}
			continue
		}
		if err != nil || condition.Holds(etag.Of(7)) != c.holds {
			t.Errorf("%q: %+v, %v", c.headers, condition, err)
		}
		err = condition.Check(etag.Of(7), "thing 1")
		if c.holds != (err == nil) {
			t.Errorf("%q: %v", c.headers, err)
		}
		if err != nil && (!errors.As(err, &refused) || refused.Code != errs.Aborted || refused.Metadata["etag"] != `"7"` || refused.RetryDelay() != 0) {
			t.Errorf("%q: %v", c.headers, err)
		}
	}
}

func TestIfMatchWithoutACall(t *testing.T) {
	if condition, err := etag.IfMatch(t.Context()); err != nil || !condition.Holds(etag.Of(1)) {
		t.Errorf("%+v, %v", condition, err)
	}
}

func FuzzIfMatch(f *testing.F) {
	f.Add(`W/"7", "8"`)
	f.Fuzz(func(t *testing.T, header string) {
		condition, err := etag.IfMatch(metadata.NewIncomingContext(t.Context(), metadata.Pairs("if-match", header)))
		if err != nil && condition.Holds(etag.Of(7)) {
			t.Errorf("%q is malformed and matches", header)
		}
	})
}
