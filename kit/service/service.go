// Package service holds what all services do alike: open the database and the codec, then run the API, the consumers,
// the timers, the jobs and the relay until told to stop, and drain in order. A service's own app package wires the rest.
package service

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/check"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/jobs"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/redisdb"
	"orderflow.example/kit/server"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	"orderflow.example/kit/timer"
)

// Spec is what one service is, whatever its environment.
type Spec struct {
	Name       string // also its consumer group and the source of its events
	Version    string
	Migrations fs.FS
	Types      []avro.Type         // every event it reads or writes
	Writes     map[string][]string // topic to the full names of the events it writes there
	Topics     []kafka.Topic       // the topics it owns, its dead-letter topic included
}

// Service is one service, wired but not running: New of its app package fills the loops in, Run runs them. A test may
// step the loops by hand instead.
type Service struct {
	Config    Config
	Spec      Spec
	Log       *slog.Logger
	Telemetry *telemetry.Telemetry
	DB        *sqldb.DB
	Codec     *avro.Codec
	Outbox    *outbox.Writer
	Redis     *redisdb.Client // nil without REDIS_URL

	API        server.Options
	Processors []*inbox.Processor
	Timers     []*timer.Timer
	Workers    []*jobs.Worker
	Checks     []check.Check
	Closers    []func() error // called after the last loop has ended, in reverse order

	partitions map[string]int // of the consumed topics, known once the broker was asked
	bound      chan struct{}
	ready      chan struct{}
	server     *server.Server
}

// Open prepares a service up to, and without, the broker and its ports.
func Open(ctx context.Context, cfg Config, spec Spec) (*Service, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	tel, err := telemetry.New(spec.Name, spec.Version, cfg.Telemetry)
	if err != nil {
		return nil, err
	}
	tel.Log = tel.Log.With("environment", cfg.Environment)
	codec, err := avro.NewCodec(avro.Config{
		RegistryURL: cfg.SchemaRegistryURL,
		Username:    cfg.SchemaRegistryUsername,
		Password:    cfg.SchemaRegistryPassword,
		Register:    cfg.SchemaRegister,
		Log:         tel.Log,
	}, spec.Types)
	if err != nil {
		return nil, err
	}
	verifier, err := auth.NewVerifier(cfg.Auth, tel.Log)
	if err != nil {
		return nil, err
	}
	redis, err := openRedis(cfg, tel.Log)
	if err != nil {
		return nil, err
	}
	db, err := OpenDatabase(ctx, cfg, spec)
	if err != nil {
		return nil, errors.Join(err, closeRedis(redis))
	}
	s := &Service{
		Config:    cfg,
		Spec:      spec,
		Log:       tel.Log,
		Telemetry: tel,
		DB:        db,
		Codec:     codec,
		Outbox:    outbox.NewWriter(spec.Name, func(topic string, r outbox.Record) ([]byte, error) { return codec.Encode(topic, r) }),
		Redis:     redis,
		API:       server.Options{Verifier: verifier, Redis: redis},
		bound:     make(chan struct{}),
		ready:     make(chan struct{}),
	}
	if cfg.DatabaseMigrate {
		if err := Migrate(ctx, db, spec); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// OpenDatabase opens a service's database alone, for a command that needs no more.
func OpenDatabase(ctx context.Context, cfg Config, spec Spec) (*sqldb.DB, error) {
	return sqldb.Open(ctx, sqldb.Config{URL: cfg.DatabaseURL, MaxOpen: cfg.DatabaseMaxOpen, Now: cfg.Now})
}

// Migrate brings the shared tables and the service's own up to date.
func Migrate(ctx context.Context, db *sqldb.DB, spec Spec) error {
	if err := sqldb.MigrateKit(ctx, db); err != nil {
		return err
	}
	return sqldb.Migrate(ctx, db, spec.Name, spec.Migrations)
}

// Passed is the instant up to which this service's consumers have handled everything that the broker held: a timer
// that is due later must wait. It is the zero time until the broker was asked for the topics' partitions.
func (s *Service) Passed(ctx context.Context) (time.Time, error) {
	select {
	case <-s.bound:
	default:
		return time.Time{}, nil
	}
	return inbox.PassedAt(ctx, s.DB, s.Spec.Name, s.partitions)
}

// Ready is closed when the service can do all of its work: its ports answer and its consumers have partitions.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// Server answers with the bound server once Ready is closed.
func (s *Service) Server() *server.Server { return s.server }

// Close frees what New opened. Run closes by itself.
func (s *Service) Close() error {
	var failures []error
	for i := len(s.Closers) - 1; i >= 0; i-- {
		failures = append(failures, s.Closers[i]())
	}
	return errors.Join(append(failures, s.DB.Close(), closeRedis(s.Redis))...)
}

func openRedis(cfg Config, log *slog.Logger) (*redisdb.Client, error) {
	if cfg.RedisURL == "" {
		return nil, nil
	}
	return redisdb.Open(cfg.RedisURL, log)
}

func closeRedis(c *redisdb.Client) error {
	if c == nil {
		return nil
	}
	return c.Close()
}
