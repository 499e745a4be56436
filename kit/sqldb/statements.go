package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

const (
	cachedStatements = 512      // then further texts are compiled at each use: closing one that is in use would fail its user
	cachedLength     = 32 << 10 // bytes of text: the most rows that ExecRows writes at once, of some 60 columns
)

// runner is a connection or a pool of them.
type runner interface {
	Querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements runs SQL on SQLite, and keeps statements prepared by their text.
type statements struct {
	on    runner
	mu    sync.RWMutex
	cache map[string]*prepared
}

// prepared is a statement in SQLite's form.
type prepared struct {
	text  string
	order []int     // of the arguments
	stmt  *sql.Stmt // nil when it is not worth keeping or does not compile: running the text tells why
}

func newStatements(on runner) *statements {
	return &statements{on: on, cache: make(map[string]*prepared)}
}

func (s *statements) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	p := s.get(ctx, query)
	if p.stmt != nil {
		return p.stmt.ExecContext(ctx, reorder(args, p.order)...)
	}
	return s.on.ExecContext(ctx, p.text, reorder(args, p.order)...)
}

func (s *statements) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	p := s.get(ctx, query)
	if p.stmt != nil {
		return p.stmt.QueryContext(ctx, reorder(args, p.order)...)
	}
	return s.on.QueryContext(ctx, p.text, reorder(args, p.order)...)
}

func (s *statements) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	p := s.get(ctx, query)
	if p.stmt != nil {
		return p.stmt.QueryRowContext(ctx, reorder(args, p.order)...)
	}
	return s.on.QueryRowContext(ctx, p.text, reorder(args, p.order)...)
}

// get never waits for a connection under the lock, so that a slow one holds up nobody else.
func (s *statements) get(ctx context.Context, query string) *prepared {
	s.mu.RLock()
	p, full := s.cache[query], len(s.cache) >= cachedStatements
	s.mu.RUnlock()
	if p != nil {
		return p
	}
	text, order := positional(query)
	p = &prepared{text: text, order: order}
	if full || len(query) > cachedLength {
		return p
	}
	stmt, err := s.on.PrepareContext(ctx, text)
	if err != nil {
		return p
	}
	return s.keep(query, &prepared{text: text, order: order, stmt: stmt})
}

// keep answers with the statement that is kept: another caller may have been faster.
func (s *statements) keep(query string, p *prepared) *prepared {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.cache[query]; kept != nil {
		_ = p.stmt.Close() // nobody uses it
		return kept
	}
	s.cache[query] = p
	return p
}

// close ends all statements; nobody may be using one.
func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []error
	for _, p := range s.cache {
		failures = append(failures, p.stmt.Close())
	}
	clear(s.cache)
	return errors.Join(failures...)
}
