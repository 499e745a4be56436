package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	groupSize = 64                    // transactions that share a commit, at most
	groupWork = 20 * time.Millisecond // after which a group takes nobody in any more
	queued    = 1024                  // callers that wait without blocking one another
)

// writer is the one writing connection of an SQLite database. Its goroutine takes what callers queue and runs it in
// groups: one BEGIN IMMEDIATE, a savepoint for each, one COMMIT.
type writer struct {
	pool    *sql.DB // of one connection
	conn    *sql.Conn
	stmts   *statements
	queue   chan *call
	mu      sync.RWMutex // held for reading while queueing, so that close sees every call
	closed  bool
	stopped chan struct{}
	commits atomic.Uint64 // groups committed
}

func openWriter(ctx context.Context, dsn string) (*writer, error) {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	w := &writer{
		pool:    pool,
		conn:    conn,
		stmts:   newStatements(conn),
		queue:   make(chan *call, queued),
		stopped: make(chan struct{}),
	}
	go w.loop() // the writer outlives the call that opens it
	return w, nil
}

// do queues fn, and returns its outcome: after the commit, or after it failed and was rolled back.
func (w *writer) do(ctx context.Context, db *DB, fn func(ctx context.Context, tx *Tx) error) (*Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inside := context.WithValue(context.WithoutCancel(ctx), insideTx{db}, true)
	c := &call{ctx: inside, fn: fn, tx: &Tx{flavor: SQLite, db: db, ctx: inside, writer: w}, done: make(chan struct{})}
	if err := w.enqueue(ctx, c); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.take(abandoned) {
			return nil, ctx.Err()
		}
		<-c.done // its turn had come
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.tx, c.err
}

func (w *writer) enqueue(ctx context.Context, c *call) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case w.queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loop runs groups until the queue is closed and empty.
func (w *writer) loop() {
	finished := false
	defer func() {
		if !finished { // a fn ended this goroutine, as t.FailNow does
			go w.loop()
		}
	}()
	for first := range w.queue {
		w.group(first)
	}
	finished = true
	close(w.stopped)
}

// next is another call for the group that is under way, or nil when it should be committed.
func (w *writer) next(size int, started time.Time) *call {
	if size >= groupSize || time.Since(started) >= groupWork {
		return nil
	}
	select {
	case c := <-w.queue: // nil once it is closed and empty
		return c
	default:
		return nil
	}
}

// group runs calls in one transaction and answers them after its commit. A call that fails first, with nothing before
// it in the transaction, ends it; the next one begins anew.
func (w *writer) group(first *call) {
	started := time.Now()
	var held []*call // ran well and wait for the commit
	open := false
	defer func() { // only when a fn ended this goroutine is there anything left
		if open {
			w.rollback()
			answer(held, ErrAgain)
		}
	}()
	for c := first; c != nil; c = w.next(len(held), started) {
		if !c.take(running) {
			continue
		}
		if !open {
			if err := w.begin(); err != nil {
				c.answer(err)
				continue
			}
			open = true
		}
		if w.call(c, len(held) > 0) {
			held = append(held, c)
			continue
		}
		if len(held) == 0 || c.lost {
			w.rollback()
			open = false
			answer(held, ErrAgain)
			held = nil
		}
	}
	if open {
		open = false
		w.commit(held)
	}
}

// call runs one fn, in a savepoint when others' work is in the transaction already. It answers a fn that failed.
func (w *writer) call(c *call, savepoint bool) (ok bool) {
	if savepoint {
		if err := w.run("SAVEPOINT call"); err != nil {
			c.lost = true
			c.answer(err)
			return false
		}
	}
	c.run()
	if c.err == nil && c.panicked == nil {
		if !savepoint {
			return true
		}
		if err := w.run("RELEASE call"); err == nil {
			return true
		} else {
			c.err = err
		}
	}
	if savepoint {
		// An error such as a full disk rolls back the whole transaction by itself: then there is no savepoint.
		if w.run("ROLLBACK TO call") != nil || w.run("RELEASE call") != nil {
			c.lost = true
		}
	}
	c.answer(c.err)
	return false
}

// commit ends the group. When the database refuses it for something that one of them did, as a deferred foreign key
// can, each is run on its own.
func (w *writer) commit(held []*call) {
	err := w.run("COMMIT")
	if err == nil {
		w.commits.Add(1)
		answer(held, nil)
		return
	}
	w.rollback()
	if len(held) == 1 || IsTransient(err) {
		answer(held, fmt.Errorf("commit: %w", err))
		return
	}
	for _, c := range held {
		c.again()
		w.alone(c)
	}
}

func (w *writer) alone(c *call) {
	if err := w.begin(); err != nil {
		c.answer(err)
		return
	}
	if !w.call(c, false) {
		w.rollback()
		return
	}
	if err := w.run("COMMIT"); err != nil {
		w.rollback()
		c.answer(fmt.Errorf("commit: %w", err))
		return
	}
	w.commits.Add(1)
	c.answer(nil)
}

func (w *writer) begin() error {
	err := w.run("BEGIN IMMEDIATE")
	if err == nil {
		return nil
	}
	if !runsAgain(err) { // not for another process's lock
		w.reconnect()
	}
	return fmt.Errorf("begin: %w", err)
}

// rollback leaves the connection outside of a transaction, whatever it takes.
func (w *writer) rollback() {
	err := w.run("ROLLBACK")
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		w.reconnect()
	}
}

// reconnect replaces the connection. When that fails, the next transaction meets the old one and tries again.
func (w *writer) reconnect() {
	_ = w.stmts.close()                                          // they are of the broken connection
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // makes database/sql close it for good
	_ = w.conn.Close()                                           // it is closed
	conn, err := w.pool.Conn(context.Background())
	if err == nil {
		w.conn = conn
	}
	w.stmts = newStatements(w.conn)
}

// close runs what is queued, then closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.stopped
	return errors.Join(w.stmts.close(), w.conn.Close(), w.pool.Close())
}

func (w *writer) run(query string) error {
	_, err := w.stmts.exec(context.Background(), query, nil)
	return err
}
