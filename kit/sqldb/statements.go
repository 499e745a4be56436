package sqldb

import (
	"context"
	"database/sql"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	cachedStatements = 256
	cachedLength     = 8 << 10 // bytes of text; longer statements are rarely repeated
)

// runner is a connection or a pool of them.
type runner interface {
	Querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements runs SQL on SQLite, and keeps statements prepared by their text.
type statements struct {
	on    runner
	mu    sync.Mutex
	cache *simplelru.LRU[string, *prepared]
}

// prepared is a statement in SQLite's form.
type prepared struct {
	text  string
	order []int     // of the arguments
	stmt  *sql.Stmt // nil when it is not worth keeping or does not compile: running the text tells why
}

func newStatements(on runner) *statements {
	s := &statements{on: on}
	cache, err := simplelru.NewLRU(cachedStatements, func(_ string, p *prepared) {
		_ = p.stmt.Close() // a statement in use is closed by database/sql after its use; there is nobody to tell
	})
	if err != nil {
		panic(err) // only for a size below one
	}
	s.cache = cache
	return s
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

func (s *statements) get(ctx context.Context, query string) *prepared {
	if len(query) > cachedLength {
		text, order := positional(query)
		return &prepared{text: text, order: order}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.cache.Get(query); ok {
		return p
	}
	text, order := positional(query)
	p := &prepared{text: text, order: order}
	if stmt, err := s.on.PrepareContext(ctx, text); err == nil {
		p.stmt = stmt
		s.cache.Add(query, p)
	}
	return p
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.Purge()
}
