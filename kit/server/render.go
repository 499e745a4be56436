package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
)

var errStopping = errs.New(errs.Unavailable, "STOPPING", "the service is stopping").Retry(time.Second)

// render turns the error of a call into the status that its caller sees. It is the only place that does.
func render(ctx context.Context, _ string, next func(context.Context) error) error {
	err := next(ctx)
	if err == nil {
		return nil
	}
	return statusOf(err, RequestID(ctx)).Err()
}

// passing tells the caller to come back when the database is away, full or locked.
func passing(ctx context.Context, _ string, next func(context.Context) error) error {
	err := next(ctx)
	var named *errs.Error
	if err == nil || errors.As(err, &named) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !sqldb.IsTransient(err) {
		return err
	}
	return errs.New(errs.Unavailable, "DATABASE_UNAVAILABLE", "the database is not available now").Retry(time.Second).Wrap(err)
}

// statusOf adds the request id, which is how a caller tells us which line of the log explains an error.
func statusOf(err error, requestID string) *status.Status {
	plain := errs.Status(err)
	full, detailErr := plain.WithDetails(&errdetails.RequestInfo{RequestId: requestID})
	if detailErr != nil {
		return plain
	}
	return full
}

// recovered turns a panic into an error. The caller is told nothing of it, the log has the stack.
func recovered(ctx context.Context, _ string, next func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return next(ctx)
}

func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// codeOf is the gRPC code that a call ends with.
func codeOf(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return errs.From(err).Code.GRPC()
}
