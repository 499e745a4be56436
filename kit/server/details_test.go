package server_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/server/internal/testpb"
)

// rawBytes is a message that is sent as it is.
type rawBytes []byte

type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.(rawBytes); ok {
		return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func retryOf(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(*errdetails.RetryInfo); ok {
			return d.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// Every error that gRPC answers with has a reason, the id of the request, and a time where a retry helps.
func TestEveryErrorOverGRPCHasDetails(t *testing.T) {
	r := start(t)
	token := r.bearer()
	client := testpb.NewShelfServiceClient(r.conn())
	create := func(behaviour string) func(context.Context, ...grpc.CallOption) error {
		return func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := client.CreateShelf(ctx, good(behaviour), opts...)
			return err
		}
	}
	raw := func(method string, message []byte) func(context.Context, ...grpc.CallOption) error {
		return func(ctx context.Context, opts ...grpc.CallOption) error {
			opts = append(opts, grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)}))
			return r.conn().Invoke(ctx, method, rawBytes(message), &testpb.Shelf{}, opts...)
		}
	}
	tests := []struct {
		name   string
		token  string
		call   func(context.Context, ...grpc.CallOption) error
		code   codes.Code
		reason string
		retry  bool
	}{
		{"unknown service", token, raw("/a.B/C", nil), codes.Unimplemented, "METHOD_UNKNOWN", false},
		{"unknown method", "", raw("/orderflow.kit.test.v1.ShelfService/Burn", nil), codes.Unimplemented, "METHOD_UNKNOWN", false},
		{"no protobuf", token, raw(testpb.ShelfService_CreateShelf_FullMethodName, []byte("\x0a\xff\xff")), codes.InvalidArgument, "MALFORMED_MESSAGE", false},
		{"no UTF-8", token, raw(testpb.ShelfService_CreateShelf_FullMethodName, []byte("\x4a\x01\xff")), codes.InvalidArgument, "MALFORMED_MESSAGE", false},
		{"no protobuf and no token", "", raw(testpb.ShelfService_CreateShelf_FullMethodName, []byte("\xff")), codes.Unauthenticated, "TOKEN_MISSING", false},
		{"no protobuf in a stream", token, raw(testpb.ShelfService_WatchShelf_FullMethodName, []byte("\xff")), codes.InvalidArgument, "MALFORMED_MESSAGE", false},
		{"no protobuf for reflection", "", raw("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", []byte("\xff")), codes.InvalidArgument, "MALFORMED_MESSAGE", false},
		{"too large", token, raw(testpb.ShelfService_CreateShelf_FullMethodName, bytes.Repeat([]byte("x"), 1<<20+1)), codes.ResourceExhausted, "BODY_TOO_LARGE", false},
		{"too large in a stream", token, raw(testpb.ShelfService_WatchShelf_FullMethodName, bytes.Repeat([]byte("x"), 2<<20)), codes.ResourceExhausted, "BODY_TOO_LARGE", false},
		{"invalid", token, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := client.CreateShelf(ctx, &testpb.CreateShelfRequest{}, opts...)
			return err
		}, codes.InvalidArgument, "INVALID_ARGUMENT", false},
		{"no token", "", create(""), codes.Unauthenticated, "TOKEN_MISSING", false},
		{"no rights", token, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := client.UpdateShelf(ctx, &testpb.UpdateShelfRequest{}, opts...)
			return err
		}, codes.PermissionDenied, "ROLE_REQUIRED", false},
		{"panic", token, create("panic"), codes.Internal, "INTERNAL", false},
		{"failure", token, create("fail"), codes.Internal, "INTERNAL", false},
		{"an answer that is no UTF-8", token, func(ctx context.Context, opts ...grpc.CallOption) error {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", "r1")
			_, err := client.CreateShelf(ctx, good("garbled"), opts...)
			return err
		}, codes.Internal, "", false},
		{"database away", token, create("away"), codes.Unavailable, "DATABASE_UNAVAILABLE", true},
		{"refused", token, create("refuse"), codes.FailedPrecondition, "SHELF_FULL", true},
		{"changed", token, create("changed"), codes.Aborted, "SHELF_CHANGED", true},
		{"conflict", token, create("conflict"), codes.AlreadyExists, "SHELF_EXISTS", false},
		{"health of nobody", "", func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := healthpb.NewHealthClient(r.conn()).Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"}, opts...)
			return err
		}, codes.NotFound, "NOT_FOUND", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", tt.token)
			}
			var header metadata.MD
			err := tt.call(ctx, grpc.Header(&header))
			if status.Code(err) != tt.code {
				t.Fatalf("%v, want %v", err, tt.code)
			}
			for _, internal := range []string{"proto:", "grpc", "hunter2", "goroutine", "UTF-8", ".go:"} {
				if strings.Contains(err.Error(), internal) && tt.reason != "" {
					t.Errorf("%q is nobody's business: %v", internal, err)
				}
			}
			if tt.reason == "" {
				return // grpc-go's own
			}
			var info *errdetails.ErrorInfo
			var request *errdetails.RequestInfo
			for _, detail := range status.Convert(err).Details() {
				switch d := detail.(type) {
				case *errdetails.ErrorInfo:
					info = d
				case *errdetails.RequestInfo:
					request = d
				}
			}
			if info.GetReason() != tt.reason || info.GetDomain() != errs.Domain {
				t.Errorf("%v, want %s", info, tt.reason)
			}
			if ids := header["x-request-id"]; request.GetRequestId() == "" || len(ids) != 1 || ids[0] != request.GetRequestId() {
				t.Errorf("%v, header %v", request, ids)
			}
			if (retryOf(err) > 0) != tt.retry {
				t.Errorf("retry after %v", retryOf(err))
			}
		})
	}
	_, text := r.get("/metrics")
	for _, want := range []string{
		`grpc_requests_total{code="Unimplemented",method="unknown"} 2`,
		`grpc_requests_total{code="InvalidArgument",method="/orderflow.kit.test.v1.ShelfService/CreateShelf"} 3`,
		`grpc_requests_total{code="ResourceExhausted",method="/orderflow.kit.test.v1.ShelfService/CreateShelf"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if !strings.Contains(r.log.String(), "an answer can't be encoded") {
		t.Error("the log does not tell why an answer could not be encoded")
	}
}

// What is far above the limit is not even read: grpc-go says so itself, without details. The call is counted all the same.
func TestFarTooLargeOverGRPC(t *testing.T) {
	r := start(t)
	client, ctx := r.dial(r.bearer())
	_, err := client.CreateShelf(ctx, &testpb.CreateShelfRequest{Behaviour: strings.Repeat("x", 3<<20)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
	eventually(t, "it is counted", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, `grpc_request_duration_seconds_count{method="/orderflow.kit.test.v1.ShelfService/CreateShelf"} 1`)
	})
}

// The same over REST, where a retry has a header, too.
func TestRetryOverREST(t *testing.T) {
	r := start(t)
	for behaviour, want := range map[string]string{"away": "1", "changed": "1", "refuse": "2", "conflict": "", "fail": ""} {
		resp, body := r.request(http.MethodPost, "/v1/shelves", behave(behaviour), "Authorization", r.bearer())
		if resp.Header.Get("Retry-After") != want || strings.Contains(body, "RetryInfo") != (want != "") || !strings.Contains(body, "google.rpc.RequestInfo") {
			t.Errorf("%s: Retry-After %q, %s", behaviour, resp.Header.Get("Retry-After"), body)
		}
	}
}
