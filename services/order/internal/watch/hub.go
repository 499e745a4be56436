// Package watch lets many clients follow orders at the cost of few queries: one look at the database per burst of
// commits finds which of the watched orders changed, and wakes their watchers alone.
package watch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

const (
	// sweepEvery finds what no signal told of: a notification of another replica is a hint, which may be lost.
	sweepEvery = time.Second
	// A look is followed by a rest of nine times as long, so that looking takes a tenth of one connection, as long as a
	// look takes no more than a tenth of the longest rest.
	shortestRest   = 10 * time.Millisecond
	longestRest    = time.Second
	restFactor     = 9
	restAfterError = time.Second
)

// Hub wakes watchers. It runs while there are any.
type Hub struct {
	db    *sqldb.DB
	log   *slog.Logger
	sweep time.Duration

	mu      sync.Mutex
	watched map[string]map[*Watch]struct{} // by order
	stop    func()                         // ends the running look-out and waits for it

	watchers prometheus.Gauge
	looks    prometheus.Counter
	reads    prometheus.Counter
}

// NewHub makes a hub and registers its metrics.
func NewHub(db *sqldb.DB, log *slog.Logger, metrics prometheus.Registerer) (*Hub, error) {
	h := &Hub{
		db: db, log: log, sweep: sweepEvery, watched: map[string]map[*Watch]struct{}{},
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "order_watchers", Help: "Streams that watch an order."}),
		looks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "order_watch_looks_total", Help: "Looks at the database for what changed among all watched orders.",
		}),
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "order_watch_reads_total", Help: "Reads of one order for one of its watchers.",
		}),
	}
	for _, c := range []prometheus.Collector{h.watchers, h.looks, h.reads} {
		if err := metrics.Register(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Watch is one watcher of one order.
type Watch struct {
	hub     *Hub
	id      string
	changed chan struct{}
	seen    store.Mark
}

// Watch begins to watch an order. Read the order after it, not before. Stop must be called.
func (h *Hub) Watch(id string) *Watch {
	w := &Watch{hub: h, id: id, changed: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watched[id] == nil {
		h.watched[id] = map[*Watch]struct{}{}
	}
	h.watched[id][w] = struct{}{}
	h.watchers.Inc()
	if h.stop == nil {
		h.start()
	}
	return w
}

// Changed receives when the order has gone beyond what was Seen. It may be a false alarm.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Seen tells how much of the order the watcher has read.
func (w *Watch) Seen(m store.Mark) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.seen = m
	w.hub.reads.Inc()
}

// Stop ends the watch.
func (w *Watch) Stop() {
	if stop := w.hub.remove(w); stop != nil {
		stop()
	}
}

// remove gives what ends the look-out, when this was the last watcher.
func (h *Hub) remove(w *Watch) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watched[w.id], w)
	h.watchers.Dec()
	if len(h.watched[w.id]) == 0 {
		delete(h.watched, w.id)
	}
	if len(h.watched) > 0 {
		return nil
	}
	stop, h.stop = h.stop, nil
	return stop
}

// start begins to look out. The lock is held.
func (h *Hub) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	wake, unwatch := h.db.Watch(store.Changed)
	h.stop = func() {
		cancel()
		<-ended
	}
	go func() {
		defer close(ended)
		defer unwatch()
		h.lookOut(ctx, wake)
	}()
}

func (h *Hub) lookOut(ctx context.Context, wake <-chan struct{}) {
	sweep := time.NewTicker(h.sweep)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-sweep.C:
		}
		began := time.Now()
		err := h.look(ctx)
		rest := min(max(shortestRest, restFactor*time.Since(began)), longestRest)
		if err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "watched orders could not be looked at; trying again", "error", err)
			rest = restAfterError
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// look wakes the watchers of the orders that changed.
func (h *Hub) look(ctx context.Context) error {
	h.mu.Lock()
	ids := slices.Collect(maps.Keys(h.watched))
	h.mu.Unlock()
	h.looks.Inc()
	marks, err := store.Marks(ctx, h.db, ids)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, mark := range marks {
		for w := range h.watched[id] {
			if w.seen != mark {
				w.wake()
			}
		}
	}
	return nil
}

// wake never blocks: a watcher that is busy finds the signal when it is done.
func (w *Watch) wake() {
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting to be read already
	}
}
