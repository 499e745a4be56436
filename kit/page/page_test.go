package page

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/errs"
)

type position struct {
	At time.Time
	ID string
}

type filters struct {
	Owner string
	From  time.Time
	Min   *int64
}

var last = position{At: time.UnixMicro(1_700_000_000_000_001).UTC(), ID: "a/b+c"}

func tokenOf(t *testing.T, filters any) string {
	t.Helper()
	token, err := Token(filters, last)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenHoldsThePosition(t *testing.T) {
	one, same := int64(1), int64(1)
	for name, c := range map[string]struct{ wrote, reads any }{
		"no filters":   {nil, nil},
		"filters":      {filters{Owner: "u1", From: last.At, Min: &one}, filters{Owner: "u1", From: last.At, Min: &same}},
		"long filters": {filters{Owner: strings.Repeat("é\"<", 1000)}, filters{Owner: strings.Repeat("é\"<", 1000)}},
	} {
		token := tokenOf(t, c.wrote)
		got, err := Position[position](token, c.reads)
		if err != nil || *got != last {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, last)
		}
		if want := tokenOf(t, nil); len(token) != len(want) {
			t.Errorf("%s: %d characters, %d without filters", name, len(token), len(want))
		}
	}
}

func TestNoTokenIsTheFirstPage(t *testing.T) {
	if got, err := Position[position]("", nil); got != nil || err != nil {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestTokensGoWithTheirFilters(t *testing.T) {
	one, two := int64(1), int64(2)
	own := filters{Owner: "u1", Min: &one}
	for name, other := range map[string]any{
		"another owner": filters{Owner: "u2", Min: &one},
		"another sum":   filters{Owner: "u1", Min: &two},
		"no sum":        filters{Owner: "u1"},
		"another time":  filters{Owner: "u1", Min: &one, From: last.At},
		"none":          nil,
	} {
		_, err := Position[position](tokenOf(t, own), other)
		refused(t, name, err, "goes with other filters than these")
	}
}

func TestForeignTokensAreTheClientsError(t *testing.T) {
	for remainder := range 3 { // of the content's length by 3: where base64 has room for stray bits, and where not
		own := position{At: last.At, ID: strings.Repeat("x", remainder)}
		token, err := Token(nil, own)
		if err != nil {
			t.Fatal(err)
		}
		content, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		otherLast := token[:len(token)-1] + string(token[len(token)-1]+1)
		for name, text := range map[string]string{
			"a character appended":   token + "A",
			"characters appended":    token + "AAAA",
			"padding appended":       token + "=",
			"a line break":           token[:4] + "\n" + token[4:],
			"another last character": otherLast,
			"the last character cut": token[:len(token)-1],
			"a space after it":       written(string(content) + " "),
			"another value after it": written(string(content) + "{}"),
			"an unknown field":       written(strings.Replace(string(content), "{", `{"x":1,`, 1)),
			"a field's other case":   written(strings.Replace(string(content), `"p"`, `"P"`, 1)),
			"no base64":              "%%%",
			"no JSON":                written("not json"),
			"null":                   written("null"),
			"a list":                 written("[]"),
			"nothing in it":          written("{}"),
			"another list's":         tokenOfOtherList(t),
		} {
			_, err := Position[position](text, nil)
			refused(t, name, err, "must be the nextPageToken of an earlier page")
		}
	}
}

func TestWhatJSONCannotHoldIsNoToken(t *testing.T) {
	if _, err := Token(func() {}, last); err == nil {
		t.Error("filters that can't be hashed: no error")
	}
	if _, err := Token(nil, func() {}); err == nil {
		t.Error("a position that can't be written: no error")
	}
	if _, err := Position[position](tokenOf(t, nil), func() {}); err == nil {
		t.Error("a token read with filters that can't be hashed: no error")
	}
}

func written(content string) string { return base64.RawURLEncoding.EncodeToString([]byte(content)) }

func tokenOfOtherList(t *testing.T) string {
	t.Helper()
	token, err := Token(nil, struct{ Name string }{"x"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func refused(t *testing.T, name string, err error, why string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	e := errs.From(err)
	if e.Code != errs.InvalidArgument || len(e.Fields) != 1 || e.Fields[0].Name != "pageToken" || e.Fields[0].Description != why {
		t.Errorf("%s: got %v", name, err)
	}
}

func TestSize(t *testing.T) {
	for requested, want := range map[int32]int{0: 10, 1: 1, 100: 100, 5000: 100} {
		if got := Size(requested); got != want {
			t.Errorf("Size(%d) = %d, want %d", requested, got, want)
		}
	}
}
