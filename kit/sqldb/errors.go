package sqldb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrClosed is the error of a transaction on a database that was closed.
var ErrClosed = errors.New("sqldb: the database is closed")

// ErrAgain, returned by a transaction's function, rolls it back and runs it again, as a deadlock does: for one that
// found that another transaction came first.
var ErrAgain = errors.New("sqldb: rolled back to be run again")

// IsTransient tells whether the error is the database's state of the moment and not the statement's fault: a lost
// connection, a lock, a full disk. The same work may succeed later. A context's end is not among them.
func IsTransient(err error) bool {
	if err == nil {
		return false
	}
	if runsAgain(err) || errors.Is(err, ErrClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
			sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_READONLY:
			return true
		}
		return false
	}
	if state, ok := sqlState(err); ok {
		return transientState(state)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network)
}

// transientState classes PostgreSQL's error codes: connection, resources, operator intervention, system, and a server
// that has become a read-only standby.
func transientState(state string) bool {
	switch state[:2] {
	case "08", "40", "53", "57", "58":
		return true
	}
	return state == "55P03" || state == "55006" || state == "25006" || state == "25P03" || state == "25P04"
}

// runsAgain tells whether the transaction is known to be rolled back and worth running again at once.
func runsAgain(err error) bool {
	if errors.Is(err, ErrAgain) {
		return true
	}
	if code, ok := sqliteCode(err); ok {
		primary := code & 0xff
		return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
	}
	state, _ := sqlState(err)
	return state == "40001" || state == "40P01" || state == "55P03"
}

// IsUniqueViolation tells whether a row with the same key exists already.
func IsUniqueViolation(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
			code == sqlite3.SQLITE_CONSTRAINT_ROWID
	}
	state, _ := sqlState(err)
	return state == "23505"
}

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return 0, false
}

func sqlState(err error) (string, bool) {
	var e *pgconn.PgError
	if errors.As(err, &e) && len(e.Code) == 5 {
		return e.Code, true
	}
	return "", false
}
