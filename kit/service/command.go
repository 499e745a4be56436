package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
)

// Program is what the command line needs to know of a service.
type Program struct {
	Spec Spec
	// New wires the service from environment variables ("NAME=value").
	New func(ctx context.Context, environ []string) (*Service, error)
	// Variables describes, one a line, the variables that only this service has.
	Variables string
	// Commands are the service's own, beside those that all services have.
	Commands []*cobra.Command
	// ExitCode tells the failures of the service's own commands apart. Nil: 1 for each.
	ExitCode func(err error) int
}

// Main runs the command line and exits: 0, or 1, or what ExitCode says, with one clear line on standard error.
func Main(p Program) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.Command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Spec.Name, err)
		os.Exit(p.exitCode(err))
	}
}

func (p Program) exitCode(err error) int {
	if p.ExitCode == nil {
		return 1
	}
	return p.ExitCode(err)
}

// Command is the root command of a service's binary.
func (p Program) Command() *cobra.Command {
	root := &cobra.Command{
		Use:           p.Spec.Name,
		Short:         "The " + p.Spec.Name + " service of Orderflow",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(p.serve(), p.migrate(), p.check(), p.dlq(), p.outbox(), p.version(), p.healthcheck())
	root.AddCommand(p.Commands...)
	return root
}

func (p Program) serve() *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		Short:   "Run the service until SIGINT or SIGTERM, then drain",
		Long:    "Run the service until SIGINT or SIGTERM, then drain. It is configured by environment variables:\n\n" + sharedVariables + p.Variables,
		Example: "  DATABASE_URL=sqlite:./" + p.Spec.Name + ".db KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 SCHEMA_REGISTRY_URL=http://127.0.0.1:8085 " + p.Spec.Name + " serve",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.New(cmd.Context(), os.Environ())
			if err != nil {
				return err
			}
			return s.Run(cmd.Context())
		},
	}
}

func (p Program) migrate() *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "Bring the database up to date and exit; a second run at the same time waits",
		Example: "  DATABASE_URL=postgres://… " + p.Spec.Name + " migrate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withDatabase(cmd.Context(), func(ctx context.Context, db *sqldb.DB) error { return Migrate(ctx, db, p.Spec) })
		},
	}
}

func (p Program) check() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Verify the service's invariants; exits with 1 when one is broken",
		Example: "  " + p.Spec.Name + " check --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := p.New(cmd.Context(), os.Environ())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			return runChecks(cmd.Context(), cmd.OutOrStdout(), s, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a check")
	return cmd
}

func runChecks(ctx context.Context, out io.Writer, s *Service, asJSON bool) error {
	broken := 0
	for _, c := range s.Checks {
		result, err := c.Run(ctx, s.DB)
		if err != nil {
			return fmt.Errorf("check %q: %w", c.Name, err)
		}
		broken += len(result.Violations)
		if err := printResult(out, c.Name, result, asJSON); err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d violations", broken)
	}
	return nil
}

func printResult(out io.Writer, name string, result check.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"check": name, "count": result.Count, "violations": result.Violations})
	}
	verdict := "ok"
	if len(result.Violations) > 0 {
		verdict = "BROKEN"
	}
	if _, err := fmt.Fprintf(out, "%-8s %-60s %d\n", verdict, name, result.Count); err != nil {
		return err
	}
	for _, v := range result.Violations {
		if _, err := fmt.Fprintf(out, "         - %s\n", v); err != nil {
			return err
		}
	}
	return nil
}

func (p Program) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", p.Spec.Name, p.Spec.Version)
			return err
		},
	}
}

// healthcheckLimit keeps a container's health check shorter than its period.
const healthcheckLimit = 5 * time.Second

func (p Program) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use:     "healthcheck",
		Short:   "Ask the running service at ADMIN_ADDR whether it is ready; exits with 1 when it is not",
		Example: "  ADMIN_ADDR=127.0.0.1:8180 " + p.Spec.Name + " healthcheck",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr := os.Getenv("ADMIN_ADDR")
			if addr == "" {
				return errors.New("ADMIN_ADDR is required")
			}
			return askReady(cmd.Context(), addr)
		},
	}
}

func askReady(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health/ready", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}

const sharedVariables = `  ENVIRONMENT               shown by /info and in the log; development allows more   default production
  DOCS_ENABLED              serve /docs and /openapi.json                            default false in production, true elsewhere
  DATABASE_URL              sqlite:PATH or postgres://…                              required
  DATABASE_MIGRATE          apply migrations at start                                default false
  DATABASE_MAX_OPEN         connections of the PostgreSQL pool                       default 30
  KAFKA_BOOTSTRAP_SERVERS   host:port,…                                              required
  KAFKA_SECURITY_PROTOCOL   PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
  KAFKA_SASL_MECHANISM      PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
  KAFKA_TOPIC_PREFIX        put before every topic's name
  KAFKA_CREATE_TOPICS       create missing topics at start                           default false
  KAFKA_PARTITIONS          of a topic created so                                    default 3
  KAFKA_REPLICATION         of a topic created so                                    default 1
  SCHEMA_REGISTRY_URL       Confluent API                                            required
  SCHEMA_REGISTER           register schemas at start instead of looking them up     default false
  REDIS_URL                 redis://… or rediss://…; shares rate limits and caches   default none
  HTTP_ADDR, GRPC_ADDR, ADMIN_ADDR   host:port to listen on                          required
  MAX_BODY_BYTES            of a REST body, of a gRPC message                        default 1048576
  REQUEST_TIMEOUT           of a call that is no stream                              default 30s
  CLIENT_TIMEOUT            for a REST client to send a body, to take what is sent   default 30s
  MAX_STREAMS_PER_CONNECTION   calls and streams at a time; gRPC, HTTP/2             default 250
  MAX_STREAMS_PER_CALLER    open at a time; of a subject, else of an address         default 10
  MAX_STREAM_TIME           then a stream ends, for its client to begin a new one    default 15m
  TLS_CERT_FILE, TLS_KEY_FILE        encrypt REST and gRPC; PEM, reloaded             plain without them
  TLS_CLIENT_CA_FILE        every client must show a certificate of these            not asked for
  TLS_MIN_VERSION           1.2 or 1.3                                               default 1.2
  TLS_RELOAD_EVERY          between two looks at the files                           default 10s
  ALLOWED_HOSTS             names under which REST is answered; api.example.com,…,   default any in development,
                            *.example.com for subdomains, ports don't count          else localhost
  CORS_ALLOWED_ORIGINS      whose scripts in browsers may call REST;                 default none
                            https://shop.example.com,… (* in development only)
  RATE_LIMIT_USER, RATE_LIMIT_USER_BURST         requests a second, and at once      default 50, 100; 0: no limit
  RATE_LIMIT_ADDRESS, RATE_LIMIT_ADDRESS_BURST   likewise, of a client address       default 200, 400; 0: no limit
  TRUSTED_PROXIES           address or CIDR,… that X-Forwarded-For is believed of    default none
  AUTH_MODE                 oidc, or none (on loopback only)                         default oidc
  AUTH_ISSUER, AUTH_AUDIENCE         of the tokens                                   required with oidc
  AUTH_ALGORITHMS           that may sign them: RS…, PS…, ES…, EdDSA                 default RS256,ES256
  AUTH_ROLES_CLAIM          where they hold roles: a name or a path                  default roles
                            such as realm_access.roles
  AUTH_CLOCK_SKEW           between the issuer's clock and ours, at most 5m          default 30s
  LOG_LEVEL                 debug, info, warn or error                               default info
  SHUTDOWN_TIMEOUT          of each stage of the drain                               default 20s
`
