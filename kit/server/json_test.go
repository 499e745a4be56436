package server

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/server/internal/testpb"
)

// Whatever the body, reading it ends in a message or in an error that is fit to be shown and survives the gateway.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"books":[{"bookTitle":"a","copies":1}]}`, `{"books":[{"copies":1},{"price":3}]}`, "{\n\"byName\":{\"a\\\"}\":{\"price\":1}}}", `[]`, `{"a":`, `{},`,
		`{"behaviour":"\ud800"}`, `{"builtAt":"x"}`, `{"keepFor":"1e9s"}`, `{"room":"","cellar":""}`, `{"price":1,,]`, "\xff", `{"stamp":"*"}`, `{"status":1.5}`, ``,
	} {
		f.Add([]byte(body))
	}
	codec := newJSONCodec()
	f.Fuzz(func(t *testing.T, body []byte) {
		err := codec.NewDecoder(bytes.NewReader(body)).Decode(&testpb.CreateShelfRequest{})
		if err == nil || err == io.EOF { //nolint:errorlint // the gateway compares so
			return
		}
		var input inputError
		if !errors.As(err, &input) {
			t.Fatalf("%T %v", err, err)
		}
		back, ok := inputErrorIn("rpc error: " + err.Error())
		if !ok || back.Code != errs.InvalidArgument || back.Message != input.shown.Message {
			t.Fatalf("%+v does not survive: %+v", input.shown, back)
		}
	})
}

// Without compacting, this fails in one build of two.
func TestMarshalWritesTheSameInEveryBuild(t *testing.T) {
	text, err := newJSONCodec().Marshal(&testpb.Book{BookTitle: "a, b", Copies: 2})
	if err != nil || string(text) != `{"bookTitle":"a, b","copies":2}` {
		t.Errorf("%s %v", text, err)
	}
}

// BenchmarkDecode is the cost of reading a usual body strictly.
func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"books":[{"bookTitle":"a","copies":1},{"bookTitle":"b","copies":2}],"behaviour":"none"}`)
	codec := newJSONCodec()
	for b.Loop() {
		if err := codec.NewDecoder(bytes.NewReader(body)).Decode(&testpb.CreateShelfRequest{}); err != nil {
			b.Fatal(err)
		}
	}
}
