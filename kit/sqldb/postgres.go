package sqldb

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Limits of each session, unless the URL sets them: no statement, lock or forgotten transaction holds others up for
// longer.
var sessionLimits = map[string]string{
	"statement_timeout":                   "30000", // ms
	"lock_timeout":                        "5000",
	"idle_in_transaction_session_timeout": "60000",
	"TimeZone":                            "UTC",
}

const pingTimeout = 10 * time.Second

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	connection, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", withoutPassword(cfg.URL), err)
	}
	for name, value := range sessionLimits {
		if _, set := connection.RuntimeParams[name]; !set {
			connection.RuntimeParams[name] = value
		}
	}
	pool := stdlib.OpenDB(*connection)
	pool.SetMaxOpenConns(orDefault(cfg.MaxOpen, 30))
	pool.SetMaxIdleConns(orDefault(cfg.MaxIdle, 10))
	pool.SetConnMaxLifetime(5 * time.Minute)
	db := &DB{cfg: cfg, flavor: Postgres, pool: pool, dsn: cfg.URL, log: cfg.Log}
	db.signals = newSignals(&replicas{pool: pool, connection: connection, log: cfg.Log})

	ping, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := pool.PingContext(ping); err != nil {
		_ = db.Close() // nothing is in use yet; the ping's error says what is wrong
		return nil, fmt.Errorf("database %s: %w", withoutPassword(cfg.URL), err)
	}
	return db, nil
}

func orDefault(value, otherwise int) int {
	if value > 0 {
		return value
	}
	return otherwise
}

// withoutPassword is the URL as it may be shown.
func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable URL)"
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
