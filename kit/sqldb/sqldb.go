// Package sqldb opens a service's database, SQLite or PostgreSQL, and runs transactions on it. One SQL text serves
// both: `$1` parameters, ON CONFLICT and RETURNING; a Flavor decides only where they must differ. Instants are stored
// as microseconds since 1970 in a BIGINT.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Flavor is the kind of database.
type Flavor int

// The databases that sqldb knows.
const (
	SQLite Flavor = iota
	Postgres
)

func (f Flavor) String() string {
	if f == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// Config says which database to open.
type Config struct {
	URL     string           // "sqlite:/path/file.db", "sqlite::memory:" or "postgres://…"
	MaxOpen int              // connections (SQLite: readers); 0: 30 on PostgreSQL, 4 on SQLite
	MaxIdle int              // idle connections kept; 0: 10 on PostgreSQL, MaxOpen on SQLite
	Now     func() time.Time // nil: the process's clock on SQLite, the server's on PostgreSQL
	Log     *slog.Logger     // nil: slog.Default()
}

// Querier runs statements: a *Tx inside its transaction, a *DB each on its own.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	cfg     Config
	flavor  Flavor
	pool    *sql.DB     // PostgreSQL: all work; SQLite: reads only
	reads   *statements // SQLite only: on the pool
	writer  *writer     // SQLite only
	file    string      // SQLite: absolute path, empty in memory
	dsn     string      // SQLite: of a writing connection; PostgreSQL: without its pool's settings
	signals *signals
	log     *slog.Logger
	memory  *memory // SQLite in memory only
}

// Open opens the database and checks that it answers. Its error names the URL (without a password) and, for SQLite,
// what is wrong with the path.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	switch {
	case strings.HasPrefix(cfg.URL, "sqlite:"):
		return openSQLite(ctx, cfg)
	case strings.HasPrefix(cfg.URL, "postgres://"), strings.HasPrefix(cfg.URL, "postgresql://"):
		return openPostgres(ctx, cfg)
	}
	return nil, fmt.Errorf("database URL %q: want sqlite:/path/file.db, sqlite::memory: or postgres://user@host/name", withoutPassword(cfg.URL))
}

// Flavor tells which database this is.
func (db *DB) Flavor() Flavor { return db.flavor }

// File is the absolute path of an SQLite database, empty for one in memory and for PostgreSQL.
func (db *DB) File() string { return db.file }

// Ping checks that the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.PingContext(ctx) }

// Conn gives a PostgreSQL connection of one's own, for what belongs to a session, such as an advisory lock.
func (db *DB) Conn(ctx context.Context) (*sql.Conn, error) { return db.pool.Conn(ctx) }

// Close waits for the transactions under way and closes all connections.
func (db *DB) Close() error {
	db.signals.close()
	var failures []error
	if db.writer != nil {
		failures = append(failures, db.writer.close())
	}
	if db.reads != nil {
		failures = append(failures, db.reads.close())
	}
	return errors.Join(append(failures, db.pool.Close())...)
}

// QueryContext reads outside of a transaction, what is committed.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if db.reads != nil {
		return db.reads.query(ctx, query, args)
	}
	return db.pool.QueryContext(ctx, query, args...)
}

// QueryRowContext reads one row outside of a transaction.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if db.reads != nil {
		return db.reads.queryRow(ctx, query, args)
	}
	return db.pool.QueryRowContext(ctx, query, args...)
}

// ExecContext runs one statement in a transaction of its own.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		result, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// Now is the present instant by the clock that transactions use: UTC, whole microseconds.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	if db.cfg.Now != nil {
		return instant(db.cfg.Now()), nil
	}
	if db.flavor == SQLite {
		return instant(time.Now()), nil
	}
	var now time.Time
	if err := db.pool.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("database clock: %w", err)
	}
	return instant(now), nil
}
