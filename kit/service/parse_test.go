package service

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Config
	Tick  time.Duration `env:"SAMPLE_TICK" envDefault:"1s"`
	Calls uint32        `env:"SAMPLE_CALLS" envDefault:"3"`
}

var enough = []string{"DATABASE_URL=sqlite:x.db", "SCHEMA_REGISTRY_URL=http://127.0.0.1:1"}

func TestParseReadsVariablesAndDefaults(t *testing.T) {
	cfg, err := Parse[sample](append(enough, "SAMPLE_TICK=250ms", "KAFKA_PARTITIONS=24"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Tick != 250*time.Millisecond || cfg.Calls != 3 || cfg.KafkaPartitions != 24 || cfg.Environment != "production" {
		t.Fatalf("got %+v", cfg)
	}
}

func TestParseErrorsNameVariableValueAndRule(t *testing.T) {
	for _, c := range []struct {
		environ []string
		want    []string
	}{
		{append(enough, "SHUTDOWN_TIMEOUT=soon"), []string{`SHUTDOWN_TIMEOUT="soon": must be a duration such as 500ms, 10s or 2h`}},
		{nil, []string{"DATABASE_URL is required", "SCHEMA_REGISTRY_URL is required"}},
		{append(enough, "SAMPLE_TICK=soon"), []string{`SAMPLE_TICK="soon"`, "a duration"}},
		{append(enough, "SAMPLE_CALLS=-1"), []string{`SAMPLE_CALLS="-1"`, "not negative"}},
		{append(enough, "KAFKA_PARTITIONS=many"), []string{`KAFKA_PARTITIONS="many"`, "a whole number"}},
		{append(enough, "DATABASE_MIGRATE=perhaps"), []string{`DATABASE_MIGRATE="perhaps"`, "true or false"}},
		{append(enough, "REQUEST_TIMEOUT=x"), []string{`REQUEST_TIMEOUT="x"`, "a duration"}},
	} {
		_, err := Parse[sample](c.environ)
		for _, want := range c.want {
			if err == nil || strings.Count(err.Error(), want) != 1 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: want one line with %s, got %v", c.environ, want, err)
			}
		}
	}
}

// Every number and duration of the server, and what else has a least value, is refused below it, once.
func TestParseRefusesTooSmallValues(t *testing.T) {
	bounded := 0
	var walk func(reflect.Type, bool)
	walk = func(config reflect.Type, all bool) {
		for i := range config.NumField() {
			f := config.Field(i)
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, f.Type.PkgPath() == "orderflow.example/kit/server")
				continue
			}
			name, least := f.Tag.Get("env"), f.Tag.Get("atLeast")
			if number := f.Type.Kind() >= reflect.Int && f.Type.Kind() <= reflect.Float64; least == "" {
				if number && all {
					t.Errorf("%s has no least value", name)
				}
				continue
			}
			bounded++
			for _, value := range []string{"0", "-1"} {
				if value == least {
					continue
				}
				if f.Type == reflect.TypeFor[time.Duration]() {
					value += "s"
				}
				_, err := Parse[sample](append(enough, name+"="+value))
				if want := name + "=" + value + ": must be at least " + least; err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
			}
		}
	}
	walk(reflect.TypeFor[sample](), false)
	if bounded < 10 {
		t.Errorf("%d bounded variables: the test does not see them", bounded)
	}
}

func TestDatabaseThatDoesNotAnswer(t *testing.T) {
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/orders", "postgres://u@127.0.0.1:1/orders?password=hunter2", "postgres://u:hunter2@127.0.0.1:x/orders", "sqlite:/nowhere/at/all.db"} {
		_, err := OpenDatabase(t.Context(), Config{DatabaseURL: url}, Spec{})
		if err == nil || !strings.HasPrefix(err.Error(), "DATABASE_URL: ") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestValidateNamesTheVariable(t *testing.T) {
	good := Config{
		DatabaseURL: "sqlite:x", SchemaRegistryURL: "http://x", KafkaPartitions: 3, KafkaReplication: 1, ShutdownTimeout: time.Second,
	}
	good.Kafka.Bootstrap = "127.0.0.1:9092"
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"DATABASE_URL":            func(c *Config) { c.DatabaseURL = "mysql://secret@x" },
		"SCHEMA_REGISTRY_URL":     func(c *Config) { c.SchemaRegistryURL = "x" },
		"KAFKA_PARTITIONS":        func(c *Config) { c.KafkaPartitions = 0 },
		"KAFKA_REPLICATION":       func(c *Config) { c.KafkaReplication = 0 },
		"SHUTDOWN_TIMEOUT":        func(c *Config) { c.ShutdownTimeout = 0 },
		"TLS_KEY_FILE":            func(c *Config) { c.Server.TLS.CertFile = "x" },
		"REDIS_URL":               func(c *Config) { c.RedisURL = "redis//:secret@x" },
		"RATE_LIMIT_USER":         func(c *Config) { c.Server.RateLimits.User = -1 },
		"RATE_LIMIT_USER_BURST":   func(c *Config) { c.Server.RateLimits.User = 1 },
		"RATE_LIMIT_ADDRESS":      func(c *Config) { c.Server.RateLimits.Address = -1 },
		"TRUSTED_PROXIES":         func(c *Config) { c.Server.RateLimits.TrustedProxies = []string{"10.0.0.0/8", "proxy"} },
		"KAFKA_BOOTSTRAP_SERVERS": func(c *Config) { c.Kafka.Bootstrap = "" },
	} {
		cfg := good
		change(&cfg)
		err := cfg.validate()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("want an error with %s, got %v", want, err)
		}
	}
}
