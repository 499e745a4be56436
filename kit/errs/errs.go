// Package errs has the one error type that crosses the edges of a service: a code, a stable reason, a message for people, and
// details. Code inside returns it, and the server renders it once, as a gRPC status or as JSON.
package errs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Domain is the ErrorInfo domain in which a reason is unique.
const Domain = "orderflow.example"

// Reasons that this package itself gives.
const (
	ReasonInvalidArgument = "INVALID_ARGUMENT"
	ReasonBodyTooLarge    = "BODY_TOO_LARGE" // the one ResourceExhausted that is not a rate limit: HTTP 413
	ReasonInternal        = "INTERNAL"
	ReasonCanceled        = "REQUEST_CANCELLED"
	ReasonDeadline        = "DEADLINE_EXCEEDED"
)

// Field says which field of a request breaks which rule.
type Field struct {
	Name        string // path in JSON names, such as "items[0].quantity"
	Rule        string // identifier of the rule, such as "int32.lte"; answers carry it as "INT32_LTE"
	Description string // for people
}

// Error is a failure that a caller may see. Everything in it but the cause is shown.
type Error struct {
	Code       Code
	Reason     string // stable, UPPER_SNAKE, unique within Domain
	Message    string // for people, in English
	Fields     []Field
	Metadata   map[string]string // facts a program may use, such as {"status": "SHIPPED"}
	RetryAfter time.Duration     // 0: says nothing about a retry; see RetryDelay
	Lasting    bool              // no retry of the same call can succeed, whatever the code suggests

	cause error
}

// New makes an error. The reason is a stable name in UPPER_SNAKE; the message is shown to the caller.
func New(code Code, reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Invalid is an InvalidArgument that names the broken fields, 50 at most.
func Invalid(fields ...Field) *Error {
	shown := make([]Field, 0, min(len(fields), maxFields))
	for _, f := range fields[:cap(shown)] {
		f.Name = strings.ToValidUTF8(f.Name[:min(len(f.Name), maxFieldName)], "")
		shown = append(shown, f)
	}
	return &Error{Code: InvalidArgument, Reason: ReasonInvalidArgument, Message: describe(shown), Fields: shown}
}

// An error has to fit into headers, whatever was sent to us.
const (
	maxFields    = 50
	maxInMessage = 5   // fields that the message describes, too
	maxFieldName = 200 // bytes; a map key in it may be as long as a body
)

func describe(fields []Field) string {
	parts := make([]string, 0, maxInMessage)
	for _, f := range fields[:min(len(fields), maxInMessage)] {
		if f.Name == "" {
			parts = append(parts, f.Description)
			continue
		}
		parts = append(parts, f.Name+": "+f.Description)
	}
	message := "the request is invalid"
	if len(parts) > 0 {
		message += ": " + strings.Join(parts, "; ")
	}
	if more := len(fields) - len(parts); more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}
	return message
}

// With returns a copy that carries one more fact for programs.
func (e *Error) With(key, value string) *Error {
	c := e.copy()
	if c.Metadata == nil {
		c.Metadata = map[string]string{}
	}
	c.Metadata[key] = value
	return c
}

// Naming returns a copy that names fields of the request as well: those to change before another try.
func (e *Error) Naming(fields ...Field) *Error {
	c := e.copy()
	c.Fields = append(slices.Clone(e.Fields), fields...)
	return c
}

// Wrap returns a copy with a cause, which is logged and never shown.
func (e *Error) Wrap(cause error) *Error {
	c := e.copy()
	c.cause = cause
	return c
}

// Retry returns a copy that tells the caller when a retry makes sense.
func (e *Error) Retry(after time.Duration) *Error {
	c := e.copy()
	c.RetryAfter = after
	return c
}

// NoRetry returns a copy that invites to no retry: the same call can't succeed.
func (e *Error) NoRetry() *Error {
	c := e.copy()
	c.Lasting = true
	return c
}

// retryDelay is for errors that invite to a retry without saying when.
const retryDelay = time.Second

// RetryDelay is when a retry makes sense, 0 when none does: what the error says, or a second for the codes that stand for a
// passing condition.
func (e *Error) RetryDelay() time.Duration {
	if e.RetryAfter > 0 || e.Lasting || e.Reason == ReasonBodyTooLarge {
		return e.RetryAfter
	}
	switch e.Code {
	case Unavailable, ResourceExhausted, Aborted:
		return retryDelay
	}
	return 0
}

func (e *Error) copy() *Error {
	c := *e
	c.Metadata = maps.Clone(e.Metadata)
	return &c
}

// Error is the text for logs: it has the cause, so it is not for callers (they get Message).
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is holds for an Error of the same code and reason, so that a package-level error can be compared after With or Wrap.
func (e *Error) Is(target error) bool {
	var t *Error
	if !errors.As(target, &t) {
		return false
	}
	return e.Code == t.Code && e.Reason == t.Reason
}

// HTTPStatus is the HTTP status of the error.
func (e *Error) HTTPStatus() int {
	if e.Reason == ReasonBodyTooLarge {
		return 413
	}
	return HTTPStatus(e.Code)
}
