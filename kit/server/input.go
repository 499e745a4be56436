package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"orderflow.example/kit/errs"
)

// Rules that a body or query breaks before there is a message to validate.
const (
	ruleUnknownField   = "unknown_field"
	ruleDuplicateField = "duplicate_field"
	ruleOneof          = "oneof"
	ruleType           = "type"
)

// inputError is an error in a body or query. The generated gateway code keeps of an error only its text, so the text carries the whole of it.
type inputError struct{ shown *errs.Error }

const inputMark = "\x00input "

func (e inputError) Error() string {
	text, err := json.Marshal(e.shown)
	if err != nil {
		return e.shown.Message
	}
	return inputMark + string(text)
}

// inputErrorIn takes an inputError out of a text that has passed the gateway.
func inputErrorIn(text string) (*errs.Error, bool) {
	_, encoded, ok := strings.Cut(text, inputMark)
	if !ok {
		return nil, false
	}
	var e errs.Error
	err := json.Unmarshal([]byte(encoded), &e)
	return &e, err == nil
}

func badField(name, rule, description string) error {
	return inputError{errs.Invalid(errs.Field{Name: clip(name), Rule: rule, Description: description})}
}

func malformedJSON(line, column int) error {
	return inputError{errs.New(errs.InvalidArgument, "MALFORMED_JSON", "the body is not valid JSON: line %d, column %d", line, column).
		With("line", fmt.Sprint(line)).With("column", fmt.Sprint(column))}
}

func errBodyTooLarge(limit int64) error {
	return errs.New(errs.ResourceExhausted, errs.ReasonBodyTooLarge, "the body is larger than %d bytes", limit).With("limit", fmt.Sprint(limit))
}

// limitedBody has limits of size and time, and tells of them in terms that survive the gateway.
type limitedBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	grace time.Duration // for each read; 0: the limit is for the whole
	fixed []protoreflect.Name
}

func limitBody(w http.ResponseWriter, body io.ReadCloser, kind kindOfRoute, patience time.Duration) limitedBody {
	b := limitedBody{ReadCloser: http.MaxBytesReader(w, body, kind.maxBytes), conn: http.NewResponseController(w), fixed: kind.fixed}
	b.extend(patience)
	if kind.upload {
		b.grace = patience
	}
	return b
}

func (b limitedBody) extend(by time.Duration) {
	_ = b.conn.SetReadDeadline(time.Now().Add(by)) // if it can't be set, the connection is gone
}

func (b limitedBody) Read(p []byte) (int, error) {
	if b.grace > 0 {
		b.extend(b.grace)
	}
	n, err := b.ReadCloser.Read(p)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is the very value
		_ = b.conn.SetReadDeadline(time.Time{}) // as above; an answer may take longer than the body did
		return n, err
	case errors.As(err, &tooLarge):
		return n, inputError{errs.From(errBodyTooLarge(tooLarge.Limit))}
	}
	return n, inputError{errs.New(errs.InvalidArgument, "BODY_UNREADABLE", "the body could not be read to its end")}
}

// checkHeaders refuses what the gateway would leave out without a word: an Idempotency-Key that does not arrive is a call done twice.
func checkHeaders(headers http.Header) error {
	for name := range headersIn {
		for _, value := range headers.Values(name) {
			for _, c := range []byte(value) {
				if c < ' ' || c > '~' {
					return errs.New(errs.InvalidArgument, "MALFORMED_HEADER", "the header %s holds what is no printable ASCII", name).With("header", name)
				}
			}
		}
	}
	return nil
}
