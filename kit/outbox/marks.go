package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"orderflow.example/kit/sqldb"
)

const (
	markAfter = 25 * time.Millisecond // collects what is acknowledged meanwhile into one update
	markRetry = 500 * time.Millisecond
)

// marks are the acknowledged rows on their way to being marked, which happens beside the sending.
type marks struct {
	mu      sync.Mutex
	known   map[int64]struct{} // acknowledged; a query may still find them unsent
	pending []int64            // not marked yet
	marked  []int64            // marked, but a query that began earlier may not see it
	added   chan struct{}
}

func newMarks() *marks {
	return &marks{known: map[int64]struct{}{}, added: make(chan struct{}, 1)}
}

func (m *marks) add(ids []int64) {
	if len(ids) == 0 {
		return
	}
	m.mu.Lock()
	for _, id := range ids {
		m.known[id] = struct{}{}
	}
	m.pending = append(m.pending, ids...)
	m.mu.Unlock()
	select {
	case m.added <- struct{}{}:
	default: // a signal waits already
	}
}

func (m *marks) has(id int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.known[id]
	return ok
}

func (m *marks) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.known)
}

// forgetMarked is called before a query: it can't find as unsent what is marked by now.
func (m *marks) forgetMarked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.marked {
		delete(m.known, id)
	}
	m.marked = m.marked[:0]
}

// run marks until ctx ends, then what is left, as long as work goes on.
func (m *marks) run(ctx, work context.Context, db *sqldb.DB, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			if err := m.flush(work, db); err != nil {
				log.WarnContext(work, "sent events are not marked and will be sent again", "error", err)
			}
			return
		case <-m.added:
		}
		if !pause(ctx, markAfter) {
			continue
		}
		for err := m.flush(work, db); err != nil && ctx.Err() == nil; err = m.flush(work, db) {
			log.WarnContext(work, "sent events could not be marked; trying again", "error", err)
			pause(ctx, markRetry)
		}
	}
}

// flush marks what is pending, in one transaction.
func (m *marks) flush(ctx context.Context, db *sqldb.DB) error {
	m.mu.Lock()
	ids := m.pending
	m.pending = nil
	m.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return MarkSent(ctx, tx, ids) })
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.pending = append(ids, m.pending...)
		return err
	}
	m.marked = append(m.marked, ids...)
	return nil
}
