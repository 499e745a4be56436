package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"orderflow.example/kit/auth"
)

const (
	maxHeaderBytes = 16 << 10
	// What net/http lets through is 4 KiB more, and HTTP/2 counts 32 bytes more for each header, of which there may be many short
	// ones: all of it must reach the methods, or long headers would be a fault of ours.
	maxHeaderListBytes = 8 * maxHeaderBytes
	headerTimeout      = 5 * time.Second
	inProcessBytes     = 256 << 10 // buffered between gateway and gRPC
	maxAnswerBytes     = 16 << 20  // that the gateway takes from a method
)

// Server is bound by Listen and serves in Run.
type Server struct {
	cfg       Config
	opts      Options
	listeners listeners

	grpc         *grpc.Server
	grpcHealth   *health.Server
	certificates *certificates     // nil: plain
	inner        *grpc.Server      // what the gateway calls: the same methods behind the same interceptors, without what concerns a connection from outside
	inProcess    *bufconn.Listener // where the gateway meets it
	hangUp       func() error      // closes the gateway's connection
	methods      methods
	rest         *http.Server
	admin        *http.Server

	limits    *rateLimits
	readiness *readiness
	draining  context.Context // ends when the stop begins
	drain     context.CancelFunc
}

// Listen binds the three ports and puts the server together. An error is one line; a port in use names its variable and address.
// A Server that Run is never called for has to be closed.
func Listen(cfg Config, opts Options) (*Server, error) {
	cfg = cfg.withDefaults()
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.Validate(opts.Environment); err != nil {
		return nil, err
	}
	if err := opts.Verifier.CheckAddrs(cfg.HTTPAddr, cfg.GRPCAddr, cfg.AdminAddr); err != nil {
		return nil, err
	}
	if len(trimmed(cfg.AllowedHosts)) == 0 && opts.Environment != development && !onLoopback(cfg.HTTPAddr) {
		opts.Log.Warn("ALLOWED_HOSTS is empty: REST is answered under localhost alone", "environment", opts.Environment)
	}
	bound, err := bind(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, opts: opts, listeners: bound, readiness: newReadiness()}
	s.draining, s.drain = context.WithCancel(context.Background())
	if opts.Verifier.Enabled() {
		s.AddCheck("token_issuer", true, opts.Verifier.Check)
	}
	if err := s.assemble(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) assemble() error {
	metrics, err := newMetrics(s.opts.Metrics)
	if err != nil {
		return err
	}
	if s.cfg.TLS.enabled() {
		if s.certificates, err = newCertificates(s.cfg.TLS, s.opts.Log, s.opts.Metrics); err != nil {
			return err
		}
	}
	if s.limits, err = newRateLimits(s.cfg.RateLimits, s.opts); err != nil {
		return err
	}
	if err := s.assembleGRPC(metrics); err != nil {
		return err
	}
	s.inProcess = bufconn.Listen(inProcessBytes)
	gateway, err := grpc.NewClient("passthrough:///in-process",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.inProcess.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // it never leaves the process
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	)
	if err != nil {
		return err
	}
	s.hangUp = sync.OnceValue(gateway.Close)
	rest, err := newREST(s.cfg, s.opts, metrics, s.limits, slices.Collect(maps.Keys(s.methods)), gateway)
	if err != nil {
		return err
	}
	s.rest = &http.Server{
		Handler:           rest,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout + s.cfg.ClientTimeout, // of what net/http refuses itself, body included; what gets here has limits of its own
		IdleTimeout:       2 * time.Minute,                     // the time for body and answer is limited as each begins: a stream takes as long as it takes
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: s.cfg.MaxStreamsPerConnection},
		ErrorLog:          warnings(s.opts.Log),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connectedKey{}, time.Now())
		},
	}
	if s.certificates != nil {
		s.rest.TLSConfig = s.certificates.config()
	}
	s.admin = &http.Server{
		Handler:           s.adminHandler(),
		ReadHeaderTimeout: headerTimeout, // no write time-out: a profile takes as long as it is asked to
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          warnings(s.opts.Log),
	}
	return nil
}

func (s *Server) assembleGRPC(metrics *metrics) error {
	s.methods = methods{} // the interceptors need it before there is a server to register methods with
	unary, stream, err := s.interceptors(metrics)
	if err != nil {
		return err
	}
	both := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(unary...),
		grpc.ChainStreamInterceptor(stream...),
		grpc.ForceServerCodecV2(newFrameCodec(s.cfg.MaxBodyBytes, s.opts.Log)),
		grpc.MaxRecvMsgSize(oversized * int(s.cfg.MaxBodyBytes)),
		grpc.UnknownServiceHandler(serveUnknown),
		grpc.MaxHeaderListSize(maxHeaderListBytes),
	}
	outside := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(uint32(s.cfg.MaxStreamsPerConnection)), // not inside: all of REST shares one connection there
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second, MaxConnectionAge: s.cfg.TLS.connectionAge()}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if s.certificates != nil {
		outside = append(outside, grpc.Creds(credentials.NewTLS(s.certificates.config())))
	}
	s.inner = grpc.NewServer(both...)
	s.opts.Register(registrar{s.inner})
	s.grpc = grpc.NewServer(slices.Concat(both, outside)...)
	s.opts.Register(registrar{s.grpc})
	s.grpcHealth = health.NewServer()
	healthpb.RegisterHealthServer(registrar{s.grpc}, s.grpcHealth)
	reflection.Register(registrar{s.grpc})
	maps.Copy(s.methods, methodsOf(s.grpc))
	s.publish(false)
	return s.checkTables()
}

// checkTables finds a method without a rule, and a rule or status for a method that is not there, before the first call does.
func (s *Server) checkTables() error {
	for method := range s.methods {
		if _, ok := auth.RuleFor(s.opts.Rules, method); !ok {
			return fmt.Errorf("no auth rule says who may call %s", method)
		}
	}
	for method := range s.opts.Rules {
		if !s.methods[method] {
			return fmt.Errorf("the auth rule for %s is for a method that is not registered", method)
		}
	}
	if i := slices.IndexFunc(s.opts.Created, func(m string) bool { return !s.methods[m] }); i >= 0 {
		return fmt.Errorf("status 201 is for %s, a method that is not registered", s.opts.Created[i])
	}
	return nil
}

// AddCheck adds a dependency to /health. While a required one fails, the service is not ready. The check gets 2 seconds.
func (s *Server) AddCheck(name string, required bool, check func(ctx context.Context) error) {
	s.readiness.add(name, required, check)
}

// SetStarted tells that the start is over: from now on readiness is what the checks say.
func (s *Server) SetStarted() { s.readiness.start() }

// Addrs are the addresses that are bound.
func (s *Server) Addrs() (http, grpc, admin string) {
	return s.listeners.http.Addr().String(), s.listeners.grpc.Addr().String(), s.listeners.admin.Addr().String()
}

// Close frees the ports of a Server that Run was never called for.
func (s *Server) Close() error {
	s.drain()
	s.listeners.close()
	if s.hangUp != nil {
		return s.hangUp()
	}
	return nil
}
