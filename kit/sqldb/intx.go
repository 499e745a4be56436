package sqldb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow.example/kit/errs"
)

const (
	retryLimit   = 10
	retryFor     = 30 * time.Second
	firstBackoff = 2 * time.Millisecond
	longest      = 200 * time.Millisecond
	waitForConn  = 30 * time.Second
)

type insideTx struct{ db *DB }

// InTx runs fn in a transaction and commits when it returns nil; any error rolls back and is returned. A deadlock, a
// serialisation failure, a lock time-out or SQLITE_BUSY runs fn again, up to ten times in 30 s, so fn must leave no trace outside of tx.
//
// On SQLite, which has one writer, callers that wait while the last commit runs share the next one; each fn has a
// savepoint of its own, so that its failure harms no neighbour. fn's context does not end with the caller's: a caller
// whose context ends before its turn is skipped, and once fn runs the caller gets the true outcome.
// On PostgreSQL each call is a transaction of its own (READ COMMITTED).
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(insideTx{db}) != nil {
		return errors.New("sqldb: InTx inside of a transaction of the same database")
	}
	backoff := firstBackoff
	started := time.Now()
	for attempt := 1; ; attempt++ {
		tx, err := db.once(ctx, fn)
		if err == nil {
			tx.committed()
			return nil
		}
		if tx != nil && tx.inDoubt {
			tx.doubted()
		}
		if !runsAgain(err) {
			return err
		}
		if attempt == retryLimit || time.Since(started) > retryFor {
			return errs.New(errs.Unavailable, "DATABASE_BUSY", "the database is busy").Retry(time.Second).Wrap(err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (after %w)", ctx.Err(), err)
		case <-time.After(backoff/2 + rand.N(backoff/2)):
		}
		backoff = min(2*backoff, longest)
	}
}

func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (*Tx, error) {
	if db.writer != nil {
		return db.writer.do(ctx, db, fn)
	}
	return db.oncePostgres(ctx, fn)
}

func (db *DB) oncePostgres(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (_ *Tx, err error) {
	wait, cancel := context.WithTimeout(ctx, waitForConn)
	conn, err := db.pool.Conn(wait)
	cancel()
	if err != nil {
		return nil, fmt.Errorf("database connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the pool; what a broken one says was said by its statements

	inside := context.WithValue(ctx, insideTx{db}, true)
	begun, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	finished := false
	defer func() {
		if !finished { // fn failed, panicked or ended its goroutine
			_ = begun.Rollback() // the connection is discarded when it fails, which rolls back too
		}
	}()
	tx := &Tx{flavor: Postgres, db: db, ctx: inside, tx: begun}
	if err := fn(inside, tx); err != nil {
		return nil, err
	}
	if tx.failed != nil {
		return nil, tx.failed
	}
	finished = true
	if err := begun.Commit(); err != nil {
		tx.inDoubt = commitInDoubt(err)
		return tx, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}

// commitInDoubt tells whether a COMMIT that failed so may have been done all the same: the server has not answered, or it was told to stop
// (class 57) or lost its connection (class 08) while it waited for its replicas, after its own commit.
func commitInDoubt(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return false
	}
	state, answered := sqlState(err)
	return !answered || strings.HasPrefix(state, "57") || strings.HasPrefix(state, "08")
}
