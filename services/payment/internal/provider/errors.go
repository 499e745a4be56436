package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"orderflow.example/payment/internal/payment"
)

// Class is what a failed call means for the money.
type Class string

// The classes of errors.
const (
	Declined    Class = "declined"    // the provider said no, for good
	Permanent   Class = "permanent"   // the call is wrong as it is: it took no effect and never will
	Conflict    Class = "conflict"    // the payment is in another state than the call needs, or its key was used otherwise
	Unavailable Class = "unavailable" // it took no effect; worth another try
	Unknown     Class = "unknown"     // it may have taken effect
	Paused      Class = "paused"      // not tried: the circuit is open
)

// Error is a call that did not succeed.
type Error struct {
	Class      Class
	Status     int    // HTTP status; 0 when there was no answer
	Code       string // the provider's
	Reason     string // the provider's words
	RetryAfter time.Duration
	KeyReused  bool // of a Conflict: the key was used for another call before, which may have taken effect
	Stopped    bool // the caller's own doing: it says nothing about the provider
	Cause      error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "payment provider: %s", e.Class)
	if e.Status != 0 {
		fmt.Fprintf(&b, ", HTTP %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ", %s", e.Code)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// AsError is the error as an *Error; any other leaves open what happened.
func AsError(err error) *Error {
	var failed *Error
	if errors.As(err, &failed) {
		return failed
	}
	return &Error{Class: Unknown, Cause: err}
}

// refusal is the error of an answer that is no success.
//
// A 503 says in so many words that nothing happened; any other 5xx may come from something in between, or from a
// provider that failed half-way. A refused identity or an unknown path is our own fault and is mended by an operator,
// so it must decline nobody's payment.
func refusal(got answer) *Error {
	var body struct {
		Error struct{ Code, Message string }
	}
	_ = json.Unmarshal(got.body, &body) // an answer of a proxy may be anything: the status decides then
	e := &Error{
		Class: Unknown, Status: got.status, Code: Clean(body.Error.Code, 64), Reason: Clean(body.Error.Message, 500),
		RetryAfter: RetryAfter(got.header),
	}
	switch got.status {
	case http.StatusPaymentRequired:
		e.Class = Declined
	case http.StatusConflict:
		e.Class = Conflict
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusTooManyRequests:
		e.Class = Unavailable
	case http.StatusNotFound:
		e.Class = Unavailable
		if e.Code == codePaymentNotFound || e.Code == codeOperationNotFound {
			e.Class = Permanent
		}
	case http.StatusServiceUnavailable:
		if e.Code == codeUnavailable {
			e.Class = Unavailable
		}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		e.Class = Permanent
	}
	if (e.Class == Declined || e.Class == Conflict || e.Class == Permanent) && e.Code == "" {
		e.Code = "http_" + fmt.Sprint(got.status)
	}
	return e
}

// Clean makes a foreign text fit to be stored and shown: no NUL, which PostgreSQL refuses, and not endless.
func Clean(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// Outcome is what the failed call means for the operation.
func (e *Error) Outcome() payment.Outcome {
	out := payment.Outcome{Code: e.Code, Reason: e.Reason, RetryAfter: e.RetryAfter, Cause: e}
	switch e.Class {
	case Declined, Permanent, Conflict:
		out.Result = payment.Refused
	case Unavailable:
		out.Result = payment.Unavailable
	case Paused:
		out.Result = payment.Paused
	default:
		out.Result = payment.Unknown
	}
	return out
}

// Resolve says what a conflict means, once the operation was looked up: it took effect before, or something else did, or
// neither, and then the conflict is a refusal. As long as that is not found out, the operation may have taken effect.
func (e *Error) Resolve(out payment.Outcome, known bool) payment.Outcome {
	switch {
	case !known:
		return e.Outcome()
	case !out.Definite():
		out.Result = payment.Unknown
	}
	return out
}
