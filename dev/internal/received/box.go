// Package received keeps what a sink was sent: in a file all of it, in memory the newest.
package received

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"orderflow.example/dev/internal/journal"
)

// DefaultLimit is how many messages are kept in memory unless a sink is told otherwise.
const DefaultLimit = 20_000

// Box keeps messages of one kind. Its methods may be called concurrently.
type Box[T any] struct {
	journal *journal.Journal
	limit   int

	mu      sync.Mutex
	newest  []T           // oldest first, at most limit
	count   int           // of all that are in the file
	changed chan struct{} // closed and replaced when a message is added
}

// Open reads the newest messages back from the file, which it creates if it is missing. The limit is DefaultLimit when it is 0.
func Open[T any](path string, limit int) (*Box[T], error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	b := &Box[T]{limit: limit, changed: make(chan struct{})}
	var tail [][]byte // unparsed, since most of a long file would be parsed for nothing
	log, err := journal.Open(path, func(record []byte) error {
		b.count++
		tail = append(tail, slices.Clone(record))
		if len(tail) >= 2*limit {
			tail = append(tail[:0], tail[len(tail)-limit:]...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.journal = log
	for _, record := range tail[max(0, len(tail)-limit):] {
		var message T
		if err := json.Unmarshal(record, &message); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), log.Close())
		}
		b.newest = append(b.newest, message)
	}
	return b, nil
}

// Add keeps a message and returns once it is on disk.
func (b *Box[T]) Add(message T) error {
	record, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if err := b.journal.Append(record).Wait(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	b.newest = append(b.newest, message)
	if len(b.newest) > b.limit {
		var gone T
		b.newest[0] = gone // lets go of what the array behind the slice still holds
		b.newest = b.newest[1:]
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

// All returns the newest messages, oldest first.
func (b *Box[T]) All() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.newest)
}

// Count is the number of all messages received, in earlier runs too.
func (b *Box[T]) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// Wait returns the oldest message that matches, of those in memory or to come, or ctx's error.
func (b *Box[T]) Wait(ctx context.Context, match func(T) bool) (T, error) {
	seen := 0 // messages looked at, by their number in the file
	for {
		b.mu.Lock()
		fresh := slices.Clone(b.newest[max(0, len(b.newest)-(b.count-seen)):])
		seen = b.count
		changed := b.changed
		b.mu.Unlock()
		if i := slices.IndexFunc(fresh, match); i >= 0 {
			return fresh[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

// Close closes the file.
func (b *Box[T]) Close() error { return b.journal.Close() }
