package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"orderflow.example/kit/errs"
)

// errorBody is an error in JSON: {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "...", "details": [...]}}.
type errorBody struct {
	Error struct {
		Code    int               `json:"code"` // HTTP status
		Status  string            `json:"status"`
		Message string            `json:"message"`
		Details []json.RawMessage `json:"details"` // google.rpc messages with their @type
	} `json:"error"`
}

// gatewayError answers with the error of a call, or with what the gateway itself could not do.
func gatewayError(log *slog.Logger) runtime.ErrorHandlerFunc {
	return func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
		if !isRendered(err) {
			err = fromGateway(err)
			if isFault(codeOf(err)) {
				log.WarnContext(ctx, "gateway failed", "error", err)
			}
		}
		writeError(w, r, err)
	}
}

// streamError is for a stream over REST that fails. When part of it has been sent, the last line is {"error": ...} with a gRPC status; before,
// the answer is that of any failed call, and what the gateway writes then is dropped: it has a form of its own.
func streamError(ctx context.Context, err error) *status.Status {
	if !isRendered(err) {
		err = statusOf(fromGateway(err), RequestID(ctx)).Err()
	}
	if rec, ok := ctx.Value(recorderKey{}).(*recorder); ok && !rec.wrote {
		writeError(rec, new(http.Request).WithContext(ctx), err)
		rec.closed = true
	}
	return status.Convert(err)
}

// isRendered tells the errors of our methods, which are fit to be shown, from the gateway's own, whose texts are not.
func isRendered(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == errs.Domain {
			return true
		}
	}
	return false
}

// fromGateway makes an error of what the gateway says.
func fromGateway(err error) error {
	var malformed *runtime.HTTPStatusError
	if errors.As(err, &malformed) {
		return errs.New(errs.InvalidArgument, "MALFORMED_PATH", "the path is malformed")
	}
	s := status.Convert(err)
	if input, ok := inputErrorIn(err.Error()); ok {
		return input
	}
	switch s.Code() {
	case codes.InvalidArgument:
		return badParameter(s.Message()).Wrap(err)
	case codes.ResourceExhausted:
		return errs.New(errs.ResourceExhausted, errs.ReasonBodyTooLarge, "the request or its answer is too large").Wrap(err)
	case codes.Unavailable:
		return errs.New(errs.Unavailable, "UNAVAILABLE", "the service is not available now").Retry(errStopping.RetryAfter).Wrap(err)
	case codes.Canceled, codes.DeadlineExceeded, codes.Unimplemented:
		return errs.New(errs.Code(s.Code()), errs.Code(s.Code()).String(), "the request could not be completed").Wrap(err)
	}
	return fmt.Errorf("gateway: %s", s.Message()) // not wrapped: its code is not for the caller
}

// badParameter names the path parameter that the gateway could not read.
func badParameter(text string) *errs.Error {
	if rest, ok := strings.CutPrefix(text, "type mismatch, parameter: "); ok {
		name, _, _ := strings.Cut(rest, ",")
		return errs.Invalid(errs.Field{Name: name, Rule: ruleType, Description: "is not a valid value"})
	}
	return errs.New(errs.InvalidArgument, "MALFORMED_PARAMETER", "a parameter in path or query is malformed")
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	writeErrorAs(w, r, errs.From(err).HTTPStatus(), err)
}

// writeErrorAs is for an error whose HTTP status says more than its code.
func writeErrorAs(w http.ResponseWriter, r *http.Request, httpStatus int, err error) {
	shown := errs.From(err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if delay := shown.RetryDelay(); delay > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	if shown.Code == errs.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(httpStatus)
	_ = json.NewEncoder(w).Encode(errorBodyOf(shown, httpStatus, RequestID(r.Context()))) // the caller has gone: nobody is left to tell
}

func errorBodyOf(shown *errs.Error, httpStatus int, requestID string) (body errorBody) {
	body.Error.Code = httpStatus
	body.Error.Status = shown.Code.String()
	body.Error.Message = shown.Message
	body.Error.Details = []json.RawMessage{}
	for _, detail := range statusOf(shown, requestID).Proto().GetDetails() {
		if text, err := protojson.Marshal(detail); err == nil { // all are google.rpc messages that statusOf made
			body.Error.Details = append(body.Error.Details, text)
		}
	}
	return body
}
