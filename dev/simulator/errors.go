package simulator

import (
	"fmt"
	"net/http"
)

// Error is the body of every refusal.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param,omitempty"`

	status int
}

// httpStatus of a decline read back from the journal is 402: nothing else is kept there.
func (e *Error) httpStatus() int {
	if e.status == 0 {
		return http.StatusPaymentRequired
	}
	return e.status
}

func invalid(param, format string, args ...any) *Error {
	return &Error{Code: "invalid_request", Message: fmt.Sprintf(format, args...), Type: "invalid_request_error", Param: param, status: http.StatusBadRequest}
}

func notFound(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error", status: http.StatusNotFound}
}

func conflict(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Type: "invalid_state_error", status: http.StatusConflict}
}

func declined(code, message string) *Error {
	return &Error{Code: code, Message: message, Type: "card_error", status: http.StatusPaymentRequired}
}

var (
	errKeyReused = &Error{Code: "idempotency_key_reused", Type: "idempotency_error", Param: "Idempotency-Key", status: http.StatusConflict,
		Message: "This idempotency key was used before, with another call or other fields."}
	errInternal = &Error{Code: "internal_error", Type: "api_error", status: http.StatusInternalServerError,
		Message: "Something went wrong at the provider; nothing took effect."}
	errUnavailable = &Error{Code: "unavailable", Type: "api_error", status: http.StatusServiceUnavailable,
		Message: "The provider is not available; nothing took effect."}
	errNotKept = &Error{Code: "internal_error", Type: "api_error", status: http.StatusInternalServerError,
		Message: "The provider could not store this; whether it took effect is unknown."}
	errMethod = &Error{Code: "method_not_allowed", Type: "invalid_request_error", status: http.StatusMethodNotAllowed,
		Message: "This path does not know this method."}
	errTooLarge = &Error{Code: "body_too_large", Type: "invalid_request_error", status: http.StatusRequestEntityTooLarge,
		Message: "The body is larger than 64 KiB."}
)
