package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Tx is a transaction. It belongs to one goroutine; rows of a query must be read to their end, or closed, before the
// next statement.
type Tx struct {
	flavor  Flavor
	db      *DB
	ctx     context.Context
	tx      *sql.Tx // PostgreSQL
	writer  *writer // SQLite
	now     time.Time
	failed  error // of the clock: ends the transaction
	hooks   []func()
	unknown []func()
	inDoubt bool // the commit was not answered
	signals []string
}

// ExecContext runs a statement.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if tx.writer != nil {
		return tx.writer.stmts.exec(ctx, query, args)
	}
	return tx.tx.ExecContext(ctx, query, args...)
}

// QueryContext runs a query.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if tx.writer != nil {
		return tx.writer.stmts.query(ctx, query, args)
	}
	return tx.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a query of at most one row.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if tx.writer != nil {
		return tx.writer.stmts.queryRow(ctx, query, args)
	}
	return tx.tx.QueryRowContext(ctx, query, args...)
}

// Flavor tells which database this is.
func (tx *Tx) Flavor() Flavor { return tx.flavor }

// ForUpdate is the clause that locks selected rows, empty on SQLite, where a transaction has the database to itself.
func (tx *Tx) ForUpdate() string {
	if tx.flavor == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// SkipLocked is the clause that locks selected rows and leaves out those that another transaction has locked.
func (tx *Tx) SkipLocked() string {
	if tx.flavor == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Now is the transaction's instant: the same at every call, UTC, whole microseconds. On PostgreSQL it is the server's
// clock at the first call, unless Config.Now is set; should the server not answer, the transaction fails.
func (tx *Tx) Now() time.Time {
	if !tx.now.IsZero() {
		return tx.now
	}
	if tx.flavor == Postgres && tx.db.cfg.Now == nil {
		var now time.Time
		if err := tx.tx.QueryRowContext(tx.ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
			tx.failed = fmt.Errorf("database clock: %w", err)
			now = time.Now()
		}
		tx.now = instant(now)
		return tx.now
	}
	clock := tx.db.cfg.Now
	if clock == nil {
		clock = time.Now
	}
	tx.now = instant(clock())
	return tx.now
}

// OnCommit calls fn after the commit, in the order of the calls, and never when the transaction is rolled back.
func (tx *Tx) OnCommit(fn func()) { tx.hooks = append(tx.hooks, fn) }

// OnUnknown calls fn when nobody can tell whether the transaction was committed: its connection broke before the commit was answered, and the
// server may be at it still. On SQLite that does not happen.
func (tx *Tx) OnUnknown(fn func()) { tx.unknown = append(tx.unknown, fn) }

// Wake signals, after the commit, those that Watch the name: in this process at once, and on PostgreSQL in the other
// processes on this database within some milliseconds. It is a hint, which may be lost with a connection.
func (tx *Tx) Wake(name string) {
	for _, known := range tx.signals {
		if known == name {
			return
		}
	}
	tx.signals = append(tx.signals, name)
}

func (tx *Tx) doubted() {
	for _, hook := range tx.unknown {
		hook()
	}
}

func (tx *Tx) committed() {
	for _, hook := range tx.hooks {
		hook()
	}
	for _, name := range tx.signals {
		tx.db.signals.wake(name)
	}
}
