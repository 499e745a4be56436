package sqldb

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	wakeChannel   = "orderflow_wake"
	notifyAtMost  = 5 * time.Millisecond // between two notifications
	reconnectWait = time.Second
)

// replicas carries signals between the processes that share a PostgreSQL database, by LISTEN and NOTIFY. A
// notification is a statement of its own after the commit: inside of the transaction it would make commits queue
// behind one lock.
type replicas struct {
	pool       *sql.DB
	connection *pgx.ConnConfig
	log        *slog.Logger
	received   func(name string)

	mu        sync.Mutex
	pending   []string
	notifying bool // a goroutine sends what is pending
	listening bool
	closed    bool
	self      string // marks our own notifications
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// started makes what the first use needs. The lock is held.
func (r *replicas) started() bool {
	if r.closed {
		return false
	}
	if r.cancel == nil {
		r.self = uuid.NewString()
		r.ctx, r.cancel = context.WithCancel(context.Background())
	}
	return true
}

// notify tells the other processes, at most every few milliseconds.
func (r *replicas) notify(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started() {
		return
	}
	if !slices.Contains(r.pending, name) {
		r.pending = append(r.pending, name)
	}
	if !r.notifying {
		r.notifying = true
		r.running.Add(1)
		go r.send()
	}
}

// send notifies until nothing is pending.
func (r *replicas) send() {
	defer r.running.Done()
	for {
		r.mu.Lock()
		names := r.pending
		r.pending = nil
		if len(names) == 0 || r.closed {
			r.notifying = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if _, err := r.pool.ExecContext(r.ctx, "SELECT pg_notify($1, $2)", wakeChannel, r.self+" "+strings.Join(names, " ")); err != nil && r.ctx.Err() == nil {
			r.log.Warn("other replicas could not be notified; they find the work by polling", "error", err)
		}
		select {
		case <-time.After(notifyAtMost):
		case <-r.ctx.Done():
		}
	}
}

// listen starts to receive, on a connection of its own. It is started once.
func (r *replicas) listen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listening || !r.started() {
		return
	}
	r.listening = true
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		for r.ctx.Err() == nil {
			err := r.receive()
			if r.ctx.Err() != nil {
				return
			}
			r.log.Warn("notifications of other replicas are interrupted; polling goes on", "error", err)
			select {
			case <-time.After(reconnectWait):
			case <-r.ctx.Done():
			}
		}
	}()
}

func (r *replicas) receive() error {
	conn, err := pgx.ConnectConfig(r.ctx, r.connection.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(r.ctx)) }() // the server ends the session in any case
	if _, err := conn.Exec(r.ctx, "LISTEN "+wakeChannel); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(r.ctx)
		if err != nil {
			return err
		}
		from, names, _ := strings.Cut(n.Payload, " ")
		if from == r.self {
			continue
		}
		for name := range strings.FieldsSeq(names) {
			r.received(name)
		}
	}
}

func (r *replicas) close() {
	r.mu.Lock()
	r.closed = true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.running.Wait()
}
