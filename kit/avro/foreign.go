package avro

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
	"golang.org/x/sync/singleflight"
)

const (
	unknownPatience = 30 * time.Second // how long an unknown id may still turn up, as when the registry replicates late
	missKept        = time.Second      // how long the registry is not asked again for an id that it did not know
	maxMisses       = 1_000            // unknown ids kept in mind; whoever writes garbage to a topic chooses them
)

// foreignSchema is a writer's schema and how it is read as this service's type.
type foreignSchema struct {
	*eventType
	layout   *layout
	resolved avro.Schema
}

// foreignSchemas keeps the schemas that values were written with, by id. An id's schema never changes, so that it is
// fetched once; calls for the same id share the request.
type foreignSchemas struct {
	fetch  func(id uint32) (text string, err error)
	readAs func(text string) (*foreignSchema, error)
	now    func() time.Time
	flight singleflight.Group

	mu      sync.RWMutex
	known   map[uint32]known
	missing map[uint32]miss
}

// known holds a schema, or why no value of it can be read.
type known struct {
	schema *foreignSchema
	err    error
}

type miss struct{ first, last time.Time }

func newForeignSchemas(fetch func(uint32) (string, error), readAs func(string) (*foreignSchema, error), now func() time.Time) *foreignSchemas {
	return &foreignSchemas{fetch: fetch, readAs: readAs, now: now, known: make(map[uint32]known), missing: make(map[uint32]miss)}
}

func (f *foreignSchemas) get(ctx context.Context, id uint32) (*foreignSchema, error) {
	f.mu.RLock()
	k, ok := f.known[id]
	m, missed := f.missing[id]
	f.mu.RUnlock()
	if ok {
		return k.schema, k.err
	}
	if missed && f.now().Sub(m.last) < missKept {
		return nil, m.err()
	}
	select {
	case result := <-f.flight.DoChan(strconv.FormatUint(uint64(id), 10), func() (any, error) { return f.ask(id) }):
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*foreignSchema), nil
	case <-ctx.Done(): // the request goes on for those who wait for it, at most until its time-out
		return nil, &transientError{ctx.Err()}
	}
}

// ask fetches a schema and remembers the answer, whichever it is.
func (f *foreignSchemas) ask(id uint32) (*foreignSchema, error) {
	text, err := f.fetch(id)
	switch {
	case errors.Is(err, errUnknown):
		return nil, f.missed(id).err()
	case err != nil:
		return nil, &transientError{err}
	}
	schema, err := f.readAs(text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[id] = known{schema, err}
	delete(f.missing, id)
	return schema, err
}

func (f *foreignSchemas) missed(id uint32) miss {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	m, ok := f.missing[id]
	if !ok {
		m.first = now
		f.forgetOldest()
	}
	m.last = now
	f.missing[id] = m
	return m
}

func (f *foreignSchemas) forgetOldest() {
	if len(f.missing) < maxMisses {
		return
	}
	var oldest uint32
	var last time.Time
	for id, m := range f.missing {
		if last.IsZero() || m.last.Before(last) {
			oldest, last = id, m.last
		}
	}
	delete(f.missing, oldest)
}

// err is transient while the id may still turn up.
func (m miss) err() error {
	if m.last.Sub(m.first) < unknownPatience {
		return &transientError{errUnknown}
	}
	return fmt.Errorf("%w, %s after it was first asked", errUnknown, m.last.Sub(m.first).Round(time.Second))
}

// readAs prepares for values that were written with the schema.
func (c *Codec) readAs(text string) (s *foreignSchema, err error) {
	defer recovered(&err)
	writer, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("can't be parsed: %w", err)
	}
	t := c.types[writer.FullName()]
	if t == nil {
		return nil, fmt.Errorf("%s is not a type that this service reads", writer.FullName())
	}
	// The layout comes first: it refuses a schema that contains itself, on which hamba would not end.
	layout, err := newLayout(writer, t.schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	resolved, err := avro.NewSchemaCompatibility().Resolve(t.schema, writer)
	if err != nil {
		return nil, fmt.Errorf("%s can't be read by this version: %w", t.Name, err)
	}
	return &foreignSchema{eventType: t, layout: layout, resolved: resolved}, nil
}
