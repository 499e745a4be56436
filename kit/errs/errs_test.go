package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/errs"
)

func TestHTTPStatus(t *testing.T) {
	want := map[errs.Code]int{
		errs.Canceled: 499, errs.InvalidArgument: 400, errs.DeadlineExceeded: 504, errs.NotFound: 404, errs.AlreadyExists: 409,
		errs.PermissionDenied: 403, errs.ResourceExhausted: 429, errs.FailedPrecondition: 400, errs.Aborted: 409, errs.OutOfRange: 400,
		errs.Unimplemented: 501, errs.Internal: 500, errs.Unavailable: 503, errs.Unauthenticated: 401,
		errs.Code(codes.Unknown): 500, errs.Code(99): 500,
	}
	for code, status := range want {
		if got := errs.HTTPStatus(code); got != status {
			t.Errorf("%v: %d, want %d", code, got, status)
		}
	}
	if got := errs.New(errs.ResourceExhausted, errs.ReasonBodyTooLarge, "too large").HTTPStatus(); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too large: %d", got)
	}
	if got := errs.New(errs.ResourceExhausted, "RATE_LIMITED", "too many").HTTPStatus(); got != http.StatusTooManyRequests {
		t.Errorf("a rate limit: %d", got)
	}
}

func TestFrom(t *testing.T) {
	known := errs.New(errs.NotFound, "ORDER_NOT_FOUND", "no order %s", "o1")
	tests := []struct {
		name    string
		err     error
		code    errs.Code
		reason  string
		message string // "" when it must not be that of the error
	}{
		{"ours", known, errs.NotFound, "ORDER_NOT_FOUND", "no order o1"},
		{"ours within another", fmt.Errorf("loading: %w", known), errs.NotFound, "ORDER_NOT_FOUND", "no order o1"},
		{"cancelled", fmt.Errorf("query: %w", context.Canceled), errs.Canceled, "REQUEST_CANCELLED", ""},
		{"too late", context.DeadlineExceeded, errs.DeadlineExceeded, "DEADLINE_EXCEEDED", ""},
		{"a status", status.Error(codes.Aborted, "try again"), errs.Aborted, "ABORTED", "try again"},
		{"an internal status", status.Error(codes.Internal, "secret"), errs.Internal, "INTERNAL", ""},
		{"an unknown status", status.Error(codes.Unknown, "secret"), errs.Internal, "INTERNAL", ""},
		{"anything else", io.ErrClosedPipe, errs.Internal, "INTERNAL", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := errs.From(tt.err)
			if e.Code != tt.code || e.Reason != tt.reason {
				t.Errorf("%v %s, want %v %s", e.Code, e.Reason, tt.code, tt.reason)
			}
			if tt.message != "" && e.Message != tt.message {
				t.Errorf("message %q", e.Message)
			}
			if tt.message == "" {
				if strings.Contains(e.Message, tt.err.Error()) || strings.Contains(e.Message, "secret") {
					t.Errorf("%q shows the cause", e.Message)
				}
				if !errors.Is(e, tt.err) {
					t.Error("the cause is lost for the log")
				}
			}
		})
	}
	if errs.From(nil) != nil || errs.Status(nil).Code() != codes.OK {
		t.Error("nil is no error")
	}
}

// An error goes over gRPC and comes back whole, but for its cause.
func TestStatusRoundTrip(t *testing.T) {
	sent := errs.Invalid(
		errs.Field{Name: "items[0].quantity", Rule: "int32.lte", Description: "must be at most 1000"},
		errs.Field{Description: "two items are the same"},
	).With("limit", "1000").Retry(2 * time.Second).Wrap(io.ErrClosedPipe)
	got := errs.From(errs.Status(sent).Err())
	want := &errs.Error{
		Code: errs.InvalidArgument, Reason: "INVALID_ARGUMENT", Message: sent.Message,
		Fields: []errs.Field{
			{Name: "items[0].quantity", Rule: "INT32_LTE", Description: "must be at most 1000"},
			{Description: "two items are the same"},
		},
		Metadata: map[string]string{"limit": "1000"}, RetryAfter: 2 * time.Second,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if message := "the request is invalid: items[0].quantity: must be at most 1000; two items are the same"; sent.Message != message {
		t.Errorf("%q", sent.Message)
	}
	if !strings.Contains(sent.Error(), io.ErrClosedPipe.Error()) || strings.Contains(sent.Message, io.ErrClosedPipe.Error()) {
		t.Error("the cause belongs in the text for the log only")
	}
}

// google.rpc.BadRequest wants reasons of at most 63 characters in upper snake case.
func TestRuleBecomesReason(t *testing.T) {
	tests := map[string]string{
		"": "", "int32.lte": "INT32_LTE", "string.min_len": "STRING_MIN_LEN", "unknown_field": "UNKNOWN_FIELD", "Order-items.unique!": "ORDER_ITEMS_UNIQUE",
		strings.Repeat("a", 70): strings.Repeat("A", 63),
	}
	for rule, want := range tests {
		s := errs.Status(errs.Invalid(errs.Field{Name: "a", Rule: rule, Description: "d"}))
		if got := errs.From(s.Err()).Fields[0].Rule; got != want {
			t.Errorf("%q: %q, want %q", rule, got, want)
		}
	}
}

func TestTextThatIsNoUTF8KeepsItsCode(t *testing.T) {
	e := errs.New(errs.NotFound, "ORDER_NOT_FOUND", "no order \xff")
	for _, e := range []*errs.Error{e, e.With("order", "\xff")} {
		s := errs.Status(e)
		if s.Code() != codes.NotFound || s.Message() != "no order \uFFFD" {
			t.Errorf("%v", s)
		}
		if _, err := proto.Marshal(s.Proto()); err != nil {
			t.Errorf("can't be sent: %v", err)
		}
	}
}

// A package-level error is safe to decorate, and stays comparable.
func TestDecoratingCopies(t *testing.T) {
	base := errs.New(errs.Aborted, "STALE", "changed meanwhile").With("a", "1")
	decorated := base.With("b", "2").Wrap(io.EOF).Retry(time.Second)
	if len(base.Metadata) != 1 || base.Unwrap() != nil || base.RetryAfter != 0 {
		t.Errorf("%+v was changed", base)
	}
	if !errors.Is(decorated, base) || !errors.Is(fmt.Errorf("x: %w", decorated), base) || !errors.Is(decorated, io.EOF) {
		t.Error("not recognised")
	}
	other := errs.New(errs.Aborted, "OTHER", "changed meanwhile")
	if errors.Is(decorated, other) || decorated.Is(io.EOF) {
		t.Error("recognised as another")
	}
}

// However much is wrong with a request, its error fits into headers.
func TestInvalidIsBounded(t *testing.T) {
	fields := make([]errs.Field, 1000)
	for i := range fields {
		fields[i] = errs.Field{Name: strings.Repeat("é", 1000) + fmt.Sprint(i), Rule: "int32.lte", Description: "must be at most 1000"}
	}
	e := errs.Invalid(fields...)
	if size := proto.Size(errs.Status(e).Proto()); size > 16<<10 || len(e.Fields) != 50 || !strings.HasSuffix(e.Message, "; and 45 more") {
		t.Errorf("%d bytes, %d fields, %s", size, len(e.Fields), e.Message)
	}
}

func TestNamingFieldsLeavesTheOriginalAsItIs(t *testing.T) {
	plain := errs.New(errs.FailedPrecondition, "TOTAL_CHANGED", "the total is another")
	one := plain.Naming(errs.Field{Name: "a", Rule: "r", Description: "d"})
	two := one.Naming(errs.Field{Name: "b", Rule: "r", Description: "d"})
	if len(plain.Fields) != 0 || len(one.Fields) != 1 || len(two.Fields) != 2 {
		t.Errorf("%v, %v, %v", plain.Fields, one.Fields, two.Fields)
	}
	back := errs.From(errs.Status(two).Err())
	if back.Code != errs.FailedPrecondition || len(back.Fields) != 2 || back.Fields[1].Name != "b" {
		t.Errorf("%+v", back)
	}
}

// What is said of a retry survives the way from gRPC to REST.
func TestRetryOverAStatus(t *testing.T) {
	for _, tt := range []struct {
		err  *errs.Error
		want time.Duration
	}{
		{errs.New(errs.Aborted, "ETAG_MISMATCH", "changed").NoRetry(), 0},
		{errs.New(errs.Aborted, "LOCKED", "locked"), time.Second},
		{errs.New(errs.ResourceExhausted, "RATE_LIMITED", "too often").Retry(3 * time.Second), 3 * time.Second},
		{errs.New(errs.NotFound, "NOT_THERE", "not there"), 0},
	} {
		if got := errs.From(errs.Status(tt.err).Err()).RetryDelay(); got != tt.want || tt.err.RetryDelay() != tt.want {
			t.Errorf("%s: %s and %s, want %s", tt.err.Reason, tt.err.RetryDelay(), got, tt.want)
		}
	}
	if got := errs.From(status.Error(codes.Unavailable, "of a proxy")).RetryDelay(); got != time.Second {
		t.Errorf("of a proxy: %s", got)
	}
}
