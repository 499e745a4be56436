package errs

import (
	"context"
	"errors"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// From makes an Error of anything; nil stays nil. What is not known is Internal with a text that tells nothing, the error being its cause.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var invalid *protovalidate.ValidationError
	if errors.As(err, &invalid) {
		return Invalid(fieldsOf(invalid)...)
	}
	if errors.Is(err, context.Canceled) {
		return New(Canceled, ReasonCanceled, "the request was cancelled").Wrap(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(DeadlineExceeded, ReasonDeadline, "the request took longer than its time limit").Wrap(err)
	}
	if s, ok := status.FromError(err); ok {
		return fromStatus(s, err)
	}
	return hidden(err)
}

// hidden is what a caller sees of a failure that is ours.
func hidden(cause error) *Error {
	return New(Internal, ReasonInternal, "an internal error occurred; its details are in the log of the service").Wrap(cause)
}

func fromStatus(s *status.Status, err error) *Error {
	switch s.Code() {
	case codes.OK, codes.Unknown, codes.DataLoss, codes.Internal:
		return hidden(err)
	}
	e := New(Code(s.Code()), "", "%s", s.Message())
	rendered := false // by Status, which says it when a retry helps
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Metadata = d.GetReason(), d.GetMetadata()
			rendered = d.GetDomain() == Domain
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Fields = append(e.Fields, Field{Name: v.GetField(), Rule: v.GetReason(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	if e.Reason == "" {
		e.Reason = e.Code.String()
	}
	e.Lasting = rendered && e.RetryAfter == 0
	return e
}
