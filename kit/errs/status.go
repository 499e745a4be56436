package errs

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Status renders an error for gRPC, with google.rpc details: ErrorInfo always, BadRequest and RetryInfo where they say something. nil is OK.
func Status(err error) *status.Status {
	e := From(err)
	if e == nil {
		return status.New(codes.OK, "")
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: e.Reason, Domain: Domain, Metadata: e.Metadata}}
	if len(e.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range e.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: f.Name, Description: f.Description, Reason: ruleReason(f.Rule),
			})
		}
		details = append(details, bad)
	}
	if delay := e.RetryDelay(); delay > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	plain := status.New(e.Code.GRPC(), strings.ToValidUTF8(e.Message, "\uFFFD"))
	full, err := plain.WithDetails(details...)
	if err != nil { // a detail that is not UTF-8: the caller still gets code and message
		return plain
	}
	return full
}

// ruleReason writes a rule's identifier the way google.rpc.BadRequest wants a reason: "int32.lte" is "INT32_LTE".
func ruleReason(rule string) string {
	upper := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, rule)
	if len(upper) > maxReason {
		upper = upper[:maxReason]
	}
	return strings.Trim(upper, "_")
}

const maxReason = 63 // google.rpc.BadRequest.FieldViolation.reason
