// Package cache keeps what reads of orders answer in Redis, for five minutes at most. The database stays the truth: whatever is missing, in
// doubt, or not the caller's is read from there, and without Redis everything is. docs/adr/0020 says what is promised, and why it holds.
package cache

import (
	"context"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/redisdb"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// maxNumbers bounds the order numbers whose id is remembered: some 2 MB.
const maxNumbers = 20_000

// Config is what a cache needs.
type Config struct {
	Redis   *redisdb.Client
	DB      *sqldb.DB
	Release string // of the service: another one may understand an order otherwise
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Timing  Timing // zero: the default one
}

// Cache is safe for concurrent use. A nil Cache has nothing, and lets every read through.
type Cache struct {
	redis   *redisdb.Client
	locks   locker
	gate    *gate
	release string
	numbers *lru.Cache[string, string] // to ids; neither ever changes
	log     *slog.Logger
	reads   *prometheus.CounterVec
}

// New makes a cache and registers its metrics. It is of use after the first Keep.
func New(cfg Config) (*Cache, error) {
	if cfg.Timing == (Timing{}) {
		cfg.Timing = DefaultTiming
	}
	numbers, err := lru.New[string, string](maxNumbers)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		redis: cfg.Redis, locks: locker{cfg.Redis}, gate: newGate(cfg.DB, cfg.Timing), release: cfg.Release, numbers: numbers, log: cfg.Log,
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "order_cache_reads_total", Help: "Reads of orders by what was read and whether the cache had it (hit, miss) or could not be used (off).",
		}, []string{"cache", "result"}),
	}
	for _, collector := range []prometheus.Collector{c.reads, c.gate.suspensions} {
		if err := cfg.Metrics.Register(collector); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Order answers with an order that the owner may see. Read is what the database answers to the same.
func (c *Cache) Order(ctx context.Context, owner, id string, read func(context.Context) (*orderv1.Order, error)) (*orderv1.Order, error) {
	if c == nil {
		return read(ctx)
	}
	mine := func(o *orderv1.Order) bool {
		return o.GetId() == id && (owner == store.AnyOwner || o.GetUserId() == owner)
	}
	return through(ctx, c, place{"order", "order:" + id, "order"}, mine, read)
}

// OrderByNumber is Order by the number that people read.
func (c *Cache) OrderByNumber(ctx context.Context, owner, number string, read func(context.Context) (*orderv1.Order, error)) (*orderv1.Order, error) {
	if c == nil {
		return read(ctx)
	}
	if id, ok := c.numbers.Get(number); ok {
		return c.Order(ctx, owner, id, read)
	}
	o, err := read(ctx)
	if err == nil {
		c.numbers.Add(number, o.GetId())
	}
	return o, err
}

// Orders answers with a list. It is looked for when it is the first page of a customer's own orders, without a filter.
func (c *Cache) Orders(ctx context.Context, owner string, req *orderv1.ListOrdersRequest, read func(context.Context) (*orderv1.ListOrdersResponse, error)) (*orderv1.ListOrdersResponse, error) {
	field, ok := firstPage(owner, req)
	if c == nil || !ok {
		return read(ctx)
	}
	mine := func(list *orderv1.ListOrdersResponse) bool {
		for _, o := range list.GetOrders() {
			if o.GetUserId() != owner {
				return false
			}
		}
		return true
	}
	return through(ctx, c, place{"user_orders", "user_orders:" + owner, field}, mine, read)
}

// through answers from the cache, or reads and fills it. What is not mine is left to the database, which knows what to say to that.
func through[P interface {
	*T
	proto.Message
}, T any](ctx context.Context, c *Cache, at place, mine func(P) bool, read func(context.Context) (P, error)) (P, error) {
	epoch, ok := c.gate.open(ctx)
	if !ok {
		c.count(at, "off")
		return read(ctx)
	}
	find := func() (P, bool) {
		var found P = new(T)
		return found, c.get(ctx, at, epoch, found) && mine(found)
	}
	if found, ok := find(); ok {
		c.count(at, "hit")
		return found, nil
	}
	lock, held := c.locks.obtain(ctx, at.key)
	for patience := time.Now().Add(c.gate.timing.Wait); lock == nil && held && time.Now().Before(patience) && pause(ctx); {
		if found, ok := find(); ok { // by whoever has the lock
			c.count(at, "hit")
			return found, nil
		}
	}
	c.count(at, "miss")
	server := c.redis.Server() // before the read, and after the lock is there
	answer, err := read(ctx)
	switch {
	case lock == nil:
	case err != nil:
		c.locks.release(ctx, lock)
	default:
		c.fill(ctx, at, lock, c.tag(epoch, server), answer)
	}
	return answer, err
}

// waitPause is the time between two looks for what somebody else fills in.
const waitPause = 10 * time.Millisecond

// pause tells whether the caller still waits.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(waitPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (c *Cache) count(at place, result string) { c.reads.WithLabelValues(at.kind, result).Inc() }
