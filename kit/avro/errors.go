package avro

import (
	"context"
	"errors"
	"fmt"
)

// Answers of the registry that are told apart; all other failures to reach it count as errUnreachable.
var (
	errUnreachable = errors.New("the schema registry can't be reached")
	errUnknown     = errors.New("the schema registry does not know it")
)

// transientError marks a failure that the same call may get over later.
type transientError struct{ cause error }

func (e *transientError) Error() string { return e.cause.Error() }
func (e *transientError) Unwrap() error { return e.cause }

// IsTransient tells whether the same call may succeed later: the registry can't be reached, an id is not known to it
// yet, or the context ended. Any other error of Decode says that the bytes will never be readable by this service.
func IsTransient(err error) bool {
	var transient *transientError
	return errors.As(err, &transient) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// recovered turns a panic of a codec into an error, since the bytes or the value that caused it come from elsewhere.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the codec panicked: %v", p)
	}
}
