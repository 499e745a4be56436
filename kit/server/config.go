// Package server is the edge of a service: gRPC, the same methods over REST, and an admin port, with all that is alike for every call
// (request ids, logs, metrics, authorization, validation, the rendering of errors) and a graceful stop.
package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"

	"orderflow.example/kit/auth"
)

// Config is what an operator sets. A service fills in its own default addresses before the environment is read.
type Config struct {
	HTTPAddr  string `env:"HTTP_ADDR"`  // REST
	GRPCAddr  string `env:"GRPC_ADDR"`  // gRPC
	AdminAddr string `env:"ADMIN_ADDR"` // health, metrics, info, pprof: loopback or cluster only

	MaxBodyBytes    int64         `env:"MAX_BODY_BYTES" envDefault:"1048576"` // of a REST body or a gRPC message
	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" envDefault:"30s"`    // of a unary call; a shorter deadline of the caller counts
	ClientTimeout   time.Duration `env:"CLIENT_TIMEOUT" envDefault:"30s"`     // for a REST client to send its body, and to take what is written
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"10s"`   // for the running calls at a stop
}

// withDefaults is for a Config that was not read from the environment.
func (c Config) withDefaults() Config {
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 1 << 20
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 30 * time.Second
	}
	if c.ClientTimeout == 0 {
		c.ClientTimeout = 30 * time.Second
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = 10 * time.Second
	}
	return c
}

// Options is what a service brings along.
type Options struct {
	Service     string
	Version     string
	Environment string // shown by /info
	Log         *slog.Logger
	Metrics     *prometheus.Registry
	Tracer      trace.TracerProvider // nil: an incoming trace is passed on, none is begun
	Verifier    *auth.Verifier
	Rules       map[string]auth.Rule // by full method; each registered method needs one

	Register func(grpc.ServiceRegistrar)
	Gateway  []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error // the generated Register…Handler
	Routes   []Route                                                            // beside the gateway's
	OpenAPI  []byte                                                             // served at /openapi.json; nil: not served
	Docs     Docs                                                               // served below /docs
	Created  []string                                                           // full methods whose REST answer is 201
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil || o.Metrics == nil || o.Verifier == nil || o.Register == nil {
		return o, errors.New("server: Log, Metrics, Verifier and Register are needed")
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider()
	}
	return o, nil
}
