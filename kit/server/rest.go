package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/rs/cors"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/telemetry"
)

const (
	openAPIPath    = "/openapi.json"
	routeUnmatched = "unmatched" // label of requests that lead nowhere
)

// rest is what is done around each REST request; the request itself becomes a gRPC call in the gateway, and rights, rules and time limits apply there.
type rest struct {
	log     *slog.Logger
	tracer  trace.Tracer
	metrics *metrics
	limits  *rateLimits
	openAPI []byte
	docs    *docs
	gateway *runtime.ServeMux
	hosts   hosts
	cors    *cors.Cors                  // nil: off
	origins *http.CrossOriginProtection // nil: a token keeps other origins out

	maxAge   time.Duration // of a connection; 0: any
	patience time.Duration
}

func newREST(cfg Config, opts Options, metrics *metrics, limits *rateLimits, methods []string, conn *grpc.ClientConn) (*rest, error) {
	gateway, err := newGateway(cfg, opts, methods, conn)
	if err != nil {
		return nil, err
	}
	docs, err := newDocs(opts.Docs)
	if err != nil {
		return nil, err
	}
	return &rest{
		log:     opts.Log,
		tracer:  opts.Tracer.Tracer(tracerName),
		metrics: metrics,
		limits:  limits,
		openAPI: opts.OpenAPI,
		docs:    docs,
		gateway: gateway,
		hosts:   newHosts(trimmed(cfg.AllowedHosts), opts.Environment, opts.Verifier.Enabled()),
		cors:    newCORS(trimmed(cfg.CORSOrigins)),
		origins: newOrigins(opts.Verifier.Enabled()),

		maxAge:   cfg.TLS.connectionAge(),
		patience: cfg.ClientTimeout,
	}, nil
}

func (h *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	id := requestIDOr(r.Header.Get(requestIDHeader))
	ctx := telemetry.FromTraceParent(withRequestID(r.Context(), id), r.Header.Get(traceParentHeader))
	ctx, span := h.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()

	rec := &recorder{ResponseWriter: w, began: began, patience: h.patience, status: http.StatusOK, route: routeUnmatched}
	r = r.WithContext(context.WithValue(ctx, recorderKey{}, rec))
	r.Header.Set(requestIDHeader, id)
	r.Header.Set(traceParentHeader, telemetry.TraceParent(ctx))
	r.Header.Del("Grpc-Timeout") // time limits are ours
	w.Header().Set(requestIDHeader, id)
	secure(w.Header())

	if began, ok := r.Context().Value(connectedKey{}).(time.Time); ok && h.maxAge > 0 && time.Since(began) > h.maxAge {
		w.Header().Set("Connection", "close") // HTTP/2 takes it for the end of the connection, too
	}
	defer h.tell(ctx, rec, r) // of an answer that is cut, too
	rec.awaitBody(r)
	h.serve(rec, r)
	rec.begin()                // if nothing was written
	rec.extend(2 * h.patience) // for what is still buffered, which net/http sends once it has read the rest of a body, or given up on it
}

// tell counts and logs a request.
func (h *rest) tell(ctx context.Context, rec *recorder, r *http.Request) {
	took := time.Since(rec.began)
	h.metrics.countRequest(r.Method, rec.route, rec.status, took)
	h.log.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("method", clip(r.Method)),
		slog.String("path", clip(r.URL.Path)), // without the query, which may hold what is nobody's business
		slog.Int("status", rec.status),
		tookMillis(took),
		slog.String("user_agent", clip(r.UserAgent())),
		slog.String("address", h.limits.proxies.ofRequest(r)),
	)
}

func (h *rest) serve(rec *recorder, r *http.Request) {
	defer h.recovered(rec, r)
	if !h.hosts.allow(r.Host) {
		refuseHost(rec, r)
		return
	}
	if h.origins != nil {
		if err := h.origins.Check(r); err != nil {
			writeError(rec, r, errs.New(errs.PermissionDenied, "CROSS_ORIGIN_REFUSED", "without authentication, no page of another origin may ask for this").Wrap(err))
			return
		}
	}
	if h.cors == nil {
		h.route(rec, r)
		return
	}
	if isPreflight(r) {
		rec.route = routePreflight
	}
	h.cors.ServeHTTP(rec, r, func(http.ResponseWriter, *http.Request) { h.route(rec, r) })
}

func (h *rest) route(rec *recorder, r *http.Request) {
	if err := h.limits.request(r); err != nil {
		writeError(rec, r, err)
		return
	}
	if err := checkHeaders(r.Header); err != nil {
		writeError(rec, r, err)
		return
	}
	if !hasBody(r) {
		r.Header.Del("Content-Type") // of nothing, and the gateway would read it
	}
	if h.openAPI != nil && r.URL.Path == openAPIPath {
		h.serveOpenAPI(rec, r)
		return
	}
	if h.docs.isDocs(r) {
		h.docs.serve(rec, r)
		return
	}
	h.gateway.ServeHTTP(rec, r)
}

// recovered answers in the place of a handler that panicked.
func (h *rest) recovered(rec *recorder, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // the very value, by which a route cuts its answer and has told why
		panic(p)
	}
	err := panicked(p)
	h.log.ErrorContext(r.Context(), "request failed", "error", err)
	if rec.wrote {
		panic(http.ErrAbortHandler) // too late for a proper answer: the caller must see that this one is broken
	}
	writeError(rec, r, err)
}

func (h *rest) serveOpenAPI(rec *recorder, r *http.Request) {
	rec.route = openAPIPath
	if !onlyReads(rec, r) {
		return
	}
	rec.Header().Set("Content-Type", "application/json")
	rec.Header().Set("Cache-Control", "no-cache")
	_, _ = rec.Write(h.openAPI) // the asker has gone: nobody is left to tell
}

// secure sets the headers that keep a browser from doing more with an answer than show it.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func errMethodNotAllowed(method string) error {
	return errs.New(errs.Unimplemented, "METHOD_NOT_ALLOWED", "the method %s is not allowed here", clip(method))
}
