package server

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"orderflow.example/kit/errs"
)

// Route is a REST route whose body or answer is not one JSON message: an upload, a stream of events, a provider's
// webhook. It is logged, counted and limited as the others are, and stands before a route of the gateway that has the
// same path.
type Route struct {
	Method       string
	Path         string   // as in google.api.http: /v1/shelves/{id}:watch
	Accepts      []string // media types of a body; none: it takes no body
	MaxBodyBytes int64    // 0: MAX_BODY_BYTES
	// Upload gives the client CLIENT_TIMEOUT for each read of the body, not for the whole.
	Upload bool
	// Serve answers. An error that it returns is rendered as a method's is; once part of an answer has been sent, the
	// connection is cut instead, for the caller must see that the answer is not whole.
	Serve func(w http.ResponseWriter, r *http.Request, in RouteInput) error
}

// RouteInput is what a Route's Serve needs beside the request, whose context carries the caller's metadata for Conn.
type RouteInput struct {
	Params map[string]string // of the path
	Conn   *grpc.ClientConn  // to the service's own methods, where rights and rules apply
}

// kindOfRoute is what onRoute must know of a route before it is served.
type kindOfRoute struct {
	accepts  []string
	maxBytes int64
	upload   bool
	noQuery  bool                // it takes no query parameter
	fixed    []protoreflect.Name // fields that the path gives, and the body must not
}

type routeKinds map[string]kindOfRoute // by method and pattern

func (k routeKinds) of(r *http.Request, cfg Config) kindOfRoute {
	if kind, ok := k[r.Method+" "+routeName(r.Context())]; ok {
		return kind
	}
	return kindOfRoute{accepts: []string{jsonType, curlDefault}, maxBytes: cfg.MaxBodyBytes}
}

// register puts a route before those of the gateway.
func (route Route) register(cfg Config, opts Options, mux *runtime.ServeMux, conn *grpc.ClientConn, kinds routeKinds) error {
	failed := gatewayError(opts.Log)
	name := route.Method + " " + strings.ReplaceAll(route.Path, "=*}", "}")
	err := mux.HandlePath(route.Method, route.Path, func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		ctx, err := runtime.AnnotateContext(r.Context(), mux, r, name)
		if err == nil {
			r = r.WithContext(ctx)
			err = route.Serve(w, r, RouteInput{Params: params, Conn: conn})
		}
		if err == nil {
			return
		}
		if rec, ok := w.(*recorder); ok && rec.wrote {
			opts.Log.WarnContext(ctx, "an answer was cut", "route", name, "error", err)
			panic(http.ErrAbortHandler)
		}
		if own := (*errs.Error)(nil); errors.As(err, &own) {
			writeError(w, r, own)
			return
		}
		failed(ctx, mux, nil, w, r, err)
	})
	if err != nil {
		return fmt.Errorf("route %s: %w", name, err)
	}
	kind := kindOfRoute{accepts: route.Accepts, maxBytes: route.MaxBodyBytes, upload: route.Upload}
	if kind.maxBytes == 0 {
		kind.maxBytes = cfg.MaxBodyBytes
	}
	kinds[name] = kind
	return nil
}

const (
	jsonType = "application/json"
	// curlDefault is what `curl -d` says of any body. It is taken for JSON: a form is then refused as malformed JSON,
	// and no browser can be tricked into such a request, since each carries its token in a header.
	curlDefault = "application/x-www-form-urlencoded"
)

// check tells whether the route takes a body of this type. One without a type is taken for what the route wants.
func (k kindOfRoute) check(contentType string) error {
	if len(k.accepts) == 0 {
		return errs.New(errs.InvalidArgument, "UNEXPECTED_BODY", "this request takes no body")
	}
	if contentType == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	charset, ok := params["charset"]
	if err == nil && slices.Contains(k.accepts, kind) && (!ok || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	if k.accepts[0] == jsonType {
		return errs.New(errs.InvalidArgument, "UNSUPPORTED_CONTENT_TYPE", "the body must be JSON: Content-Type: application/json")
	}
	return errs.New(errs.InvalidArgument, "UNSUPPORTED_CONTENT_TYPE", "the body must be of type %s", k.accepts[0]).With("content_type", k.accepts[0])
}
