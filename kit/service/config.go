package service

import (
	"fmt"
	"strings"
	"time"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/redisdb"
	"orderflow.example/kit/server"
	"orderflow.example/kit/telemetry"
)

const production = "production" // the default of ENVIRONMENT

// Config is what every service reads from its environment, under the same names in all of them.
type Config struct {
	// Environment is shown by /info and in every log line.
	Environment string `env:"ENVIRONMENT" envDefault:"production"`

	// DocsEnabled serves /docs and /openapi.json. Nil: unless Environment is production.
	DocsEnabled *bool `env:"DOCS_ENABLED"`

	// DatabaseURL is sqlite:PATH or postgres://….
	DatabaseURL string `env:"DATABASE_URL,required"`
	// DatabaseMigrate applies the migrations at start. Production runs the migrate command as a job instead.
	DatabaseMigrate bool `env:"DATABASE_MIGRATE" envDefault:"false"`
	// DatabaseMaxOpen bounds the PostgreSQL pool: 10 connections and an overflow of 20. The relay keeps one for its lock.
	DatabaseMaxOpen int `env:"DATABASE_MAX_OPEN" envDefault:"30" atLeast:"2"`

	SchemaRegistryURL      string `env:"SCHEMA_REGISTRY_URL,required"`
	SchemaRegistryUsername string `env:"SCHEMA_REGISTRY_USERNAME"`
	SchemaRegistryPassword string `env:"SCHEMA_REGISTRY_PASSWORD"`
	// SchemaRegister registers the schemas at start. Production only looks them up: a release step registers them.
	SchemaRegister bool `env:"SCHEMA_REGISTER" envDefault:"false"`

	// KafkaCreateTopics creates missing topics at start, with KafkaPartitions and KafkaReplication.
	KafkaCreateTopics bool `env:"KAFKA_CREATE_TOPICS" envDefault:"false"`
	KafkaPartitions   int  `env:"KAFKA_PARTITIONS" envDefault:"3" atLeast:"1"`
	KafkaReplication  int  `env:"KAFKA_REPLICATION" envDefault:"1" atLeast:"1"`

	// ShutdownTimeout bounds each stage of the drain.
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"20s" atLeast:"1ms"`

	// RedisURL is redis://… or rediss://…; empty: none. It shares rate limits and caches between replicas.
	RedisURL string `env:"REDIS_URL"`

	Kafka     kafka.Config
	Server    server.Config
	Auth      auth.Config
	Telemetry telemetry.Config

	// Now is the clock of a test. Nil: the database's clock.
	Now func() time.Time `env:"-"`
}

func (c Config) showsDocs() bool {
	if c.DocsEnabled != nil {
		return *c.DocsEnabled
	}
	return c.Environment != production
}

func (c Config) validate() error {
	switch {
	case !strings.HasPrefix(c.DatabaseURL, "sqlite:") && !strings.HasPrefix(c.DatabaseURL, "postgres://") && !strings.HasPrefix(c.DatabaseURL, "postgresql://"):
		return fmt.Errorf("DATABASE_URL must begin with sqlite: or postgres://")
	case !strings.HasPrefix(c.SchemaRegistryURL, "http://") && !strings.HasPrefix(c.SchemaRegistryURL, "https://"):
		return fmt.Errorf("SCHEMA_REGISTRY_URL=%q: must begin with http:// or https://", c.SchemaRegistryURL)
	case c.KafkaPartitions < 1:
		return fmt.Errorf("KAFKA_PARTITIONS=%d: must be at least 1", c.KafkaPartitions)
	case c.KafkaReplication < 1:
		return fmt.Errorf("KAFKA_REPLICATION=%d: must be at least 1", c.KafkaReplication)
	case c.ShutdownTimeout <= 0:
		return fmt.Errorf("SHUTDOWN_TIMEOUT=%s: must be positive", c.ShutdownTimeout)
	}
	if err := c.Server.Validate(c.Environment); err != nil {
		return err
	}
	if c.RedisURL != "" {
		if err := redisdb.Check(c.RedisURL); err != nil {
			return err
		}
	}
	return c.Kafka.Validate()
}
