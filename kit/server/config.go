// Package server is the edge of a service: gRPC, the same methods over REST, and an admin port, with all that is alike for every call
// (request ids, logs, metrics, authorization, validation, the rendering of errors) and a graceful stop.
package server

import (
	"cmp"
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
	"orderflow.example/kit/redisdb"
)

// Config is what an operator sets. The tag atLeast is what service.Parse holds a variable to. A service fills in its own default addresses before the environment is read.
type Config struct {
	HTTPAddr  string `env:"HTTP_ADDR"`  // REST
	GRPCAddr  string `env:"GRPC_ADDR"`  // gRPC
	AdminAddr string `env:"ADMIN_ADDR"` // health, metrics, info, pprof: loopback or cluster only

	MaxBodyBytes    int64         `env:"MAX_BODY_BYTES" envDefault:"1048576" atLeast:"1"` // of a REST body or a gRPC message
	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" envDefault:"30s" atLeast:"1ms"`  // of a unary call; a shorter deadline of the caller counts
	ClientTimeout   time.Duration `env:"CLIENT_TIMEOUT" envDefault:"30s" atLeast:"1ms"`   // for a REST client to send its body, and to take what is written
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"10s" atLeast:"1ms"` // for the running calls at a stop

	MaxStreamsPerConnection int           `env:"MAX_STREAMS_PER_CONNECTION" envDefault:"250" atLeast:"1"` // calls and streams at a time, gRPC and HTTP/2
	MaxStreamsPerCaller     int           `env:"MAX_STREAMS_PER_CALLER" envDefault:"10" atLeast:"1"`      // open at a time, of a subject, or of an address without a token
	MaxStreamTime           time.Duration `env:"MAX_STREAM_TIME" envDefault:"15m" atLeast:"1ms"`          // then a stream ends, for its client to begin a new one

	RateLimits RateLimits
	TLS        TLSConfig

	CORSOrigins  []string `env:"CORS_ALLOWED_ORIGINS"` // whose scripts in browsers may call REST; empty: of none
	AllowedHosts []string `env:"ALLOWED_HOSTS"`        // under which REST is answered; empty: any in development, else loopback
}

// Validate returns an error of one line that names a variable, its value and what is allowed in the environment (ENVIRONMENT). The files that
// variables name are read.
func (c Config) Validate(environment string) error {
	if err := c.TLS.validate(); err != nil {
		return err
	}
	if err := checkHosts(trimmed(c.AllowedHosts)); err != nil {
		return err
	}
	if err := c.RateLimits.Validate(); err != nil {
		return err
	}
	return checkOrigins(trimmed(c.CORSOrigins), environment)
}

// withDefaults is for a Config that was not read from the environment.
func (c Config) withDefaults() Config {
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, 1<<20)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 30*time.Second)
	c.ClientTimeout = cmp.Or(c.ClientTimeout, 30*time.Second)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 10*time.Second)
	c.MaxStreamsPerConnection = cmp.Or(c.MaxStreamsPerConnection, 250)
	c.MaxStreamsPerCaller = cmp.Or(c.MaxStreamsPerCaller, 10)
	c.MaxStreamTime = cmp.Or(c.MaxStreamTime, 15*time.Minute)
	c.TLS.ReloadEvery = cmp.Or(c.TLS.ReloadEvery, 10*time.Second)
	return c
}

// Options is what a service brings along.
type Options struct {
	Service     string
	Version     string
	Environment string // shown by /info; in "development" any host and any origin may be allowed
	Log         *slog.Logger
	Metrics     *prometheus.Registry
	Tracer      trace.TracerProvider // nil: an incoming trace is passed on, none is begun
	Verifier    *auth.Verifier
	Rules       map[string]auth.Rule // by full method; each registered method needs one
	Redis       *redisdb.Client      // shares the rate limits with the other replicas; nil: each has its own

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
