package outbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/gofrs/flock"

	"orderflow.example/kit/sqldb"
)

// relayLock is the number of the PostgreSQL advisory lock, one to a database.
const relayLock int64 = 0x6f7264657266 // "orderf"

// lock makes a relay the active one of its service.
type lock interface {
	check(ctx context.Context) error // that it is still held
	release() error
}

// acquire tries to take the lock; it gives nil when another relay holds it.
func acquire(ctx context.Context, db *sqldb.DB) (lock, error) {
	switch {
	case db.Flavor() == sqldb.Postgres:
		return acquireSession(ctx, db)
	case db.File() != "":
		return acquireFile(db.File() + ".relay.lock")
	default:
		return noLock{}, nil
	}
}

// noLock is for a database in memory, which has no other process.
type noLock struct{}

func (noLock) check(context.Context) error { return nil }
func (noLock) release() error              { return nil }

// fileLock lies beside an SQLite database; the system drops it with the process.
type fileLock struct{ file *flock.Flock }

func acquireFile(path string) (lock, error) {
	file := flock.New(path)
	locked, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("outbox: lock file: %w", err)
	}
	if !locked {
		return nil, file.Close()
	}
	return fileLock{file}, nil
}

func (fileLock) check(context.Context) error { return nil }
func (l fileLock) release() error            { return l.file.Close() }

// sessionLock is an advisory lock of a PostgreSQL session, on a connection of its own; the server drops it with the
// connection.
type sessionLock struct{ conn *sql.Conn }

func acquireSession(ctx context.Context, db *sqldb.DB) (lock, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("outbox: lock connection: %w", err)
	}
	var locked bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", relayLock).Scan(&locked); err != nil {
		return nil, errors.Join(fmt.Errorf("outbox: advisory lock: %w", err), conn.Close())
	}
	if !locked {
		return nil, conn.Close()
	}
	return sessionLock{conn}, nil
}

func (l sessionLock) check(ctx context.Context) error {
	if err := l.conn.PingContext(ctx); err != nil {
		return fmt.Errorf("outbox: lock connection: %w", err)
	}
	return nil
}

// release ends the session and, with it, the lock.
func (l sessionLock) release() error {
	err := l.conn.Raw(func(any) error { return driver.ErrBadConn }) // database/sql discards the connection
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if err := l.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}
