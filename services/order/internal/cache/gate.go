package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

// Timing is how long what is known of the gate counts, and how long a reader waits for another one. All replicas of a service have the same.
type Timing struct {
	Known   time.Duration // after which the gate in the database is asked again
	Settle  time.Duration // a suspension takes that long to be known to all: more than Known
	Suspend time.Duration // for how long nothing is cached after a change that could not be told
	Wait    time.Duration // for whoever fills the cache; reading the row oneself takes no longer
}

// DefaultTiming costs a replica that is asked for orders two small queries a second, and the first write while Redis is away 0.6 s.
var DefaultTiming = Timing{Known: 500 * time.Millisecond, Settle: 600 * time.Millisecond, Suspend: 30 * time.Second, Wait: 50 * time.Millisecond}

// renew is the part of a suspension after which the next write that needs it begins another one.
const renew = 0.8

// gate is this replica's view of store.CacheGate.
type gate struct {
	db          *sqldb.DB
	timing      Timing
	suspensions prometheus.Counter

	asking sync.Mutex // held by the one who asks the database
	known  atomic.Pointer[knowledge]
	begun  atomic.Bool // this process has begun its first epoch
	owed   atomic.Bool // a suspension that could not be stored

	suspending sync.Mutex
	until      time.Time // the suspension that this replica began; guarded by suspending
}

type knowledge struct {
	epoch string
	open  bool
	since time.Time // when it was asked for
}

func newGate(db *sqldb.DB, timing Timing) *gate {
	return &gate{db: db, timing: timing, suspensions: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "order_cache_suspensions_total", Help: "How often the cache was put out of use because it could not be told of a change.",
	})}
}

// open tells the epoch that entries must be of, or that the cache must not be used.
func (g *gate) open(ctx context.Context) (epoch string, ok bool) {
	if !g.begun.Load() || g.owed.Load() {
		return "", false
	}
	k := g.known.Load()
	if k == nil || time.Since(k.since) > g.timing.Known/2 {
		if fresh := g.ask(ctx); fresh != nil {
			k = fresh
		}
	}
	if k == nil || !k.open || time.Since(k.since) > g.timing.Known {
		return "", false
	}
	return k.epoch, true
}

// ask asks the database; nil when somebody else does, or it does not answer.
func (g *gate) ask(ctx context.Context) *knowledge {
	if !g.asking.TryLock() {
		return nil
	}
	defer g.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, g.timing.Known)
	defer cancel()
	k := &knowledge{since: time.Now()}
	stored, err := store.ReadCacheGate(ctx, g.db)
	if err != nil {
		return nil // who wanted to know reads the database, and gets its error
	}
	k.epoch, k.open = stored.Epoch, true
	if !stored.SuspendedUntil.IsZero() {
		now, err := g.db.Now(ctx)
		if err != nil {
			return nil
		}
		k.open = now.After(stored.SuspendedUntil)
	}
	g.known.Store(k)
	return k
}

// suspend puts the cache out of use for all replicas, and returns when they know: nothing that was cached before is given out from then on.
func (g *gate) suspend(ctx context.Context) error {
	g.suspending.Lock()
	defer g.suspending.Unlock()
	if time.Now().Before(g.until) {
		return nil // the one before lasts
	}
	began := time.Now()
	err := g.begin(ctx, func(now time.Time) time.Time { return now.Add(g.timing.Suspend) })
	if err != nil {
		g.owed.Store(true)
		return err
	}
	g.suspensions.Inc()
	g.known.Store(nil)
	g.owed.Store(false)
	time.Sleep(g.timing.Settle)
	g.until = began.Add(time.Duration(renew * float64(g.timing.Suspend)))
	return nil
}

// begin begins an epoch.
func (g *gate) begin(ctx context.Context, suspendedUntil func(now time.Time) time.Time) error {
	return g.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		return store.BeginCacheEpoch(ctx, tx, uuid.NewString(), suspendedUntil(tx.Now()))
	})
}
