// Package webhook takes the providers' webhooks in. The signature is the authentication: no token is asked for. What a
// webhook says is kept and acknowledged; that it moves no money is the judge's rule (internal/worker).
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/store"
	"orderflow.example/payment/internal/worker"
)

// Path is where webhooks arrive.
const Path = "/v1/providers/{provider}/webhooks"

// maxBody bounds a webhook; Stripe's are some kilobytes.
const maxBody = 256 << 10

// Source verifies and reads the webhooks of one provider. Its errors are those of package provider.
type Source interface {
	Read(header http.Header, body []byte) (provider.Event, error)
}

// Handler takes webhooks.
type Handler struct {
	sources map[string]Source // by the provider's name
	judge   *worker.Judge
	log     *slog.Logger
	counted *prometheus.CounterVec
}

// New makes a handler. A provider that has no source is not found.
func New(judge *worker.Judge, sources map[string]Source, log *slog.Logger, metrics prometheus.Registerer) *Handler {
	return &Handler{sources: sources, judge: judge, log: log, counted: promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "payment_webhooks_total",
		Help: "Webhooks by what was done with them: kept, duplicate, ignored, forged, stale, unreadable or failed.",
	}, []string{"provider", "result"})}
}

// Route is where the server finds the handler.
func (h *Handler) Route() server.Route {
	return server.Route{
		Method: http.MethodPost, Path: Path, Accepts: []string{"application/json"}, MaxBodyBytes: maxBody,
		Serve: func(w http.ResponseWriter, r *http.Request, in server.RouteInput) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			if err := h.Receive(r.Context(), in.Params["provider"], r.Header, body); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
	}
}

// Receive takes one webhook; nil acknowledges it.
func (h *Handler) Receive(ctx context.Context, name string, header http.Header, body []byte) error {
	source, ok := h.sources[name]
	if !ok {
		return errs.New(errs.NotFound, "PROVIDER_NOT_FOUND", "no webhooks are taken from this provider")
	}
	event, err := source.Read(header, body)
	if err != nil {
		return h.refuse(ctx, name, event, err)
	}
	if event.Notice == nil {
		h.counted.WithLabelValues(name, "ignored").Inc()
		return nil
	}
	added, err := h.judge.Receive(ctx, &store.Notice{Provider: name, EventID: event.ID, Type: event.Type, Notice: *event.Notice})
	switch {
	case err != nil:
		h.counted.WithLabelValues(name, "failed").Inc()
		return err
	case !added:
		h.counted.WithLabelValues(name, "duplicate").Inc()
		return nil
	}
	h.counted.WithLabelValues(name, "kept").Inc()
	return nil
}

// refuse counts and logs a webhook that is not taken. Nothing of an unverified body is logged.
func (h *Handler) refuse(ctx context.Context, name string, event provider.Event, cause error) error {
	result := "unreadable"
	switch {
	case errors.Is(cause, provider.ErrForged):
		result = "forged"
	case errors.Is(cause, provider.ErrStale):
		result = "stale"
	}
	h.counted.WithLabelValues(name, result).Inc()
	h.log.WarnContext(ctx, "a webhook was refused", "provider", name, "result", result, "event_id", event.ID, "error", cause)
	return cause
}
