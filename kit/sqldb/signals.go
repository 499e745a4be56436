package sqldb

import "sync"

// signals wake goroutines by name: a hint that there may be work. They never block and never pile up.
type signals struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{}
	others   *replicas // PostgreSQL only
}

func newSignals(others *replicas) *signals {
	s := &signals{watchers: map[string]map[chan struct{}]struct{}{}, others: others}
	if others != nil {
		others.received = s.local
	}
	return s
}

// Watch gives a channel that receives after a transaction called Wake with the same name. Wakes that come while the
// last one is not yet read are one. Call stop when it is no longer read.
func (db *DB) Watch(name string) (wake <-chan struct{}, stop func()) { return db.signals.watch(name) }

func (s *signals) watch(name string) (<-chan struct{}, func()) {
	wake := make(chan struct{}, 1)
	s.mu.Lock()
	if s.watchers[name] == nil {
		s.watchers[name] = map[chan struct{}]struct{}{}
	}
	s.watchers[name][wake] = struct{}{}
	s.mu.Unlock()
	if s.others != nil {
		s.others.listen()
	}
	return wake, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers[name], wake)
	}
}

func (s *signals) wake(name string) {
	s.local(name)
	if s.others != nil {
		s.others.notify(name)
	}
}

func (s *signals) local(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for wake := range s.watchers[name] {
		select {
		case wake <- struct{}{}:
		default: // one is waiting to be read already
		}
	}
}

func (s *signals) close() {
	if s.others != nil {
		s.others.close()
	}
}
