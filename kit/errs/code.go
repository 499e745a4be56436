package errs

import (
	"net/http"

	"google.golang.org/grpc/codes"
)

// Code says what kind of failure an Error is. The numbers are those of gRPC.
type Code int

// The codes, by their gRPC names.
const (
	Canceled           = Code(codes.Canceled)
	InvalidArgument    = Code(codes.InvalidArgument)
	DeadlineExceeded   = Code(codes.DeadlineExceeded)
	NotFound           = Code(codes.NotFound)
	AlreadyExists      = Code(codes.AlreadyExists)
	PermissionDenied   = Code(codes.PermissionDenied)
	ResourceExhausted  = Code(codes.ResourceExhausted)
	FailedPrecondition = Code(codes.FailedPrecondition)
	Aborted            = Code(codes.Aborted)
	OutOfRange         = Code(codes.OutOfRange)
	Unimplemented      = Code(codes.Unimplemented)
	Internal           = Code(codes.Internal)
	Unavailable        = Code(codes.Unavailable)
	Unauthenticated    = Code(codes.Unauthenticated)
)

// table holds, for each code, its name in answers and its HTTP status.
var table = map[Code]struct {
	name string
	http int
}{
	Canceled:           {"CANCELLED", 499}, // "client closed request", as proxies log it
	InvalidArgument:    {"INVALID_ARGUMENT", http.StatusBadRequest},
	DeadlineExceeded:   {"DEADLINE_EXCEEDED", http.StatusGatewayTimeout},
	NotFound:           {"NOT_FOUND", http.StatusNotFound},
	AlreadyExists:      {"ALREADY_EXISTS", http.StatusConflict},
	PermissionDenied:   {"PERMISSION_DENIED", http.StatusForbidden},
	ResourceExhausted:  {"RESOURCE_EXHAUSTED", http.StatusTooManyRequests},
	FailedPrecondition: {"FAILED_PRECONDITION", http.StatusBadRequest},
	Aborted:            {"ABORTED", http.StatusConflict},
	OutOfRange:         {"OUT_OF_RANGE", http.StatusBadRequest},
	Unimplemented:      {"UNIMPLEMENTED", http.StatusNotImplemented},
	Internal:           {"INTERNAL", http.StatusInternalServerError},
	Unavailable:        {"UNAVAILABLE", http.StatusServiceUnavailable},
	Unauthenticated:    {"UNAUTHENTICATED", http.StatusUnauthorized},
}

// String is the name that answers carry, such as "INVALID_ARGUMENT".
func (c Code) String() string {
	if row, ok := table[c]; ok {
		return row.name
	}
	return table[Internal].name
}

// GRPC is the gRPC code of the same number.
func (c Code) GRPC() codes.Code { return codes.Code(c) }

// HTTPStatus is the HTTP status of a code. One reason has a status of its own: see Error.HTTPStatus.
func HTTPStatus(code Code) int {
	if row, ok := table[code]; ok {
		return row.http
	}
	return table[Internal].http
}
