package server

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/errs"
)

// headersIn are the request headers that reach the methods, as metadata of the name given here. Authorization passes, too. Nothing else does:
// a client can't send metadata of its own choice (Grpc-Metadata-...).
var headersIn = map[string]string{
	"Idempotency-Key": "idempotency-key",
	"If-Match":        "if-match",
	"Last-Event-Id":   "last-event-id",
	"Traceparent":     traceParentHeader,
	"X-Request-Id":    requestIDHeader,
}

// headersOut are the metadata of an answer that become its headers.
var headersOut = map[string]string{
	"etag":                "ETag",
	"idempotent-replayed": "Idempotent-Replayed",
}

func newGateway(cfg Config, opts Options, methods []string, conn *grpc.ClientConn) (*runtime.ServeMux, error) {
	kinds := routeKinds{}
	kinds.bindings(methods, cfg.MaxBodyBytes)
	var mux *runtime.ServeMux
	mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newJSONCodec()),
		runtime.WithIncomingHeaderMatcher(oneOf(headersIn)),
		runtime.WithOutgoingHeaderMatcher(oneOf(headersOut)),
		runtime.WithOutgoingTrailerMatcher(oneOf(nil)),
		runtime.WithErrorHandler(gatewayError(opts.Log)),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, status int) {
			routingError(mux, w, r, status)
		}),
		runtime.WithMiddlewares(onRoute(cfg, kinds)),
		runtime.WithForwardResponseOption(statusCreated(opts.Created)),
		runtime.WithDisablePathLengthFallback(), // a form is no JSON
		runtime.WithDisableHTTPMethodOverride(), // nor is a POST a DELETE
		runtime.WithWriteContentLength(),
	)
	for _, register := range opts.Gateway {
		if err := register(context.Background(), mux, conn); err != nil {
			return nil, err
		}
	}
	for _, route := range opts.Routes {
		if err := route.register(cfg, opts, mux, conn, kinds); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

func oneOf(headers map[string]string) runtime.HeaderMatcherFunc {
	return func(key string) (string, bool) {
		name, ok := headers[key]
		return name, ok
	}
}

// statusCreated answers 201 for the methods that create.
func statusCreated(methods []string) func(context.Context, http.ResponseWriter, proto.Message) error {
	return func(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
		if method, ok := runtime.RPCMethod(ctx); ok && slices.Contains(methods, method) {
			w.WriteHeader(http.StatusCreated)
		}
		return nil
	}
}

// onRoute is done once a route has been found: its name goes to log and metrics, and the body is held to type and size.
func onRoute(cfg Config, kinds routeKinds) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
			if probe, ok := w.(*routeProbe); ok {
				probe.found, probe.verb = true, verbOf(r.Context())
				return
			}
			if rec, ok := w.(*recorder); ok {
				rec.route = routeName(r.Context())
			}
			kind := kinds.of(r, cfg)
			if hasBody(r) {
				if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
					w.Header().Set("Accept-Encoding", "identity")
					writeErrorAs(w, r, http.StatusUnsupportedMediaType, errEncoded)
					return
				}
				if err := kind.check(r.Header.Get("Content-Type")); err != nil {
					writeErrorAs(w, r, http.StatusUnsupportedMediaType, err)
					return
				}
			}
			if r.ContentLength > kind.maxBytes {
				writeError(w, r, errBodyTooLarge(kind.maxBytes))
				return
			}
			if err := kind.checkQuery(r.URL.RawQuery); err != nil {
				writeError(w, r, err)
				return
			}
			for name, value := range params {
				if !utf8.ValidString(value) {
					writeError(w, r, errs.Invalid(errs.Field{Name: jsonName(name), Rule: ruleType, Description: "is not valid UTF-8"}))
					return
				}
			}
			if hasBody(r) {
				r.Body = limitBody(w, r.Body, kind, cfg.ClientTimeout)
			}
			next(w, r, params)
		}
	}
}

// checkQuery refuses parameters where none is taken. Where some are, the parser of the query knows them.
func (k kindOfRoute) checkQuery(query string) error {
	if !k.noQuery || query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errs.New(errs.InvalidArgument, "MALFORMED_PATH", "the query is malformed")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		return errs.Invalid(errs.Field{Name: clip(name), Rule: ruleUnknownField, Description: "is not a parameter of this request"})
	}
	return nil
}

// jsonName writes the name of a path parameter as JSON has it: order.id, orderId.
func jsonName(name string) string {
	return afterUnderscore.ReplaceAllStringFunc(name, func(part string) string { return strings.ToUpper(part[1:]) })
}

var afterUnderscore = regexp.MustCompile(`_[a-z]`)

// errEncoded refuses a compressed body: limits count what is sent, and a small body that unfolds to a huge one is an old trick.
var errEncoded = errs.New(errs.InvalidArgument, "UNSUPPORTED_CONTENT_ENCODING", "the body must be sent as it is, without a Content-Encoding")

// routeName is the pattern as people write it: /v1/orders/{id}:cancel.
func routeName(ctx context.Context) string {
	pattern, ok := runtime.HTTPPattern(ctx)
	if !ok {
		return routeUnmatched
	}
	return strings.ReplaceAll(pattern.String(), "=*}", "}")
}

func verbOf(ctx context.Context) string {
	pattern, ok := runtime.HTTPPattern(ctx)
	if !ok {
		return ""
	}
	return pattern.Verb()
}

func hasBody(r *http.Request) bool { return r.ContentLength != 0 }

var errRouteNotFound = errs.New(errs.NotFound, "ROUTE_NOT_FOUND", "there is nothing at this path")

// routingError answers a request that no route is for.
func routingError(mux *runtime.ServeMux, w http.ResponseWriter, r *http.Request, status int) {
	if _, ok := w.(*routeProbe); ok {
		return
	}
	switch status {
	case http.StatusMethodNotAllowed:
		methods := allowed(mux, r)
		if len(methods) == 0 {
			writeError(w, r, errRouteNotFound)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		writeErrorAs(w, r, status, errMethodNotAllowed(r.Method))
	case http.StatusNotFound:
		writeError(w, r, errRouteNotFound)
	default:
		writeError(w, r, errs.New(errs.InvalidArgument, "MALFORMED_PATH", "the path is malformed"))
	}
}

// allowed asks the routes which methods the path has. A path with a verb, /v1/shelves/1:burn, has those of its verb: that GET takes "1:burn" for
// an id makes no other method right.
func allowed(mux *runtime.ServeMux, r *http.Request) []string {
	var methods []string
	_, verb, _ := strings.Cut(path.Base(r.URL.Path), ":")
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		ask := r.WithContext(r.Context())
		ask.Method = method
		probe := &routeProbe{header: http.Header{}}
		mux.ServeHTTP(probe, ask)
		if probe.found && (verb == "" || probe.verb == verb) {
			methods = append(methods, method)
		}
	}
	return methods
}

// routeProbe stands in for an answer when only the route is asked for; onRoute ends it before anything is done.
type routeProbe struct {
	header http.Header
	found  bool
	verb   string // of the route
}

func (p *routeProbe) Header() http.Header         { return p.header }
func (p *routeProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *routeProbe) WriteHeader(int)             {}
