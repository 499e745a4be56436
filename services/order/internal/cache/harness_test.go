package cache_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/redisdb/redistest"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/internal/cache"
	"orderflow.example/order/internal/order"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	events "orderflow.example/schemas/orderv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timing is short enough for a test that waits for it.
var timing = cache.Timing{Known: 40 * time.Millisecond, Settle: 60 * time.Millisecond, Suspend: 250 * time.Millisecond, Wait: 50 * time.Millisecond}

// cluster is a database, a Redis, and replicas of the service's store and cache.
type cluster struct {
	*testing.T
	db       *sqldb.DB
	redis    *redistest.Server
	replicas []*replica
	slow     bool // now and then an order is old by the time that it has been read
}

type replica struct {
	*cluster
	store   *store.Store
	cache   *cache.Cache
	link    *link
	metrics *prometheus.Registry
}

func newCluster(t *testing.T, db *sqldb.DB, replicas int, options ...string) *cluster {
	t.Helper()
	if err := sqldb.Migrate(t.Context(), db, "order", store.Migrations()); err != nil {
		t.Fatal(err)
	}
	c := &cluster{T: t, db: db, redis: redistest.Own(t, options...)}
	for range replicas {
		c.replicas = append(c.replicas, c.start(timing))
	}
	return c
}

// start starts one more replica, whose way to Redis can be cut.
func (c *cluster) start(timing cache.Timing) *replica {
	c.Helper()
	r := &replica{cluster: c, link: newLink(c.T, c.redis.Addr()), metrics: prometheus.NewRegistry()}
	r.store = store.New(outbox.NewWriter("order", func(_ string, r outbox.Record) ([]byte, error) { return json.Marshal(r) }))
	var err error
	r.cache, err = cache.New(cache.Config{
		Redis: redistest.Open(c.T, "redis://"+r.link.addr), DB: c.db, Release: "1", Log: slog.New(slog.DiscardHandler), Metrics: r.metrics, Timing: timing,
	})
	if err != nil {
		c.Fatal(err)
	}
	r.store.OnChange(r.cache.Changed)
	if _, err := r.cache.Keep(c.Context(), time.Now()); err != nil {
		c.Fatal(err)
	}
	return r
}

var products = map[string]order.Product{"p1": {ID: "p1", SKU: "S1", Name: "Tea", Price: 1000, Currency: "KRW", Version: 1}}

var nonces struct {
	sync.Mutex
	next uint32
}

// place stores a new order.
func (r *replica) place(id, user string) (number string) {
	r.Helper()
	nonces.Lock()
	nonces.next++
	nonce := nonces.next
	nonces.Unlock()
	r.work(func(_ context.Context, w *store.Work) error {
		event, err := order.Place(order.Placement{ID: id, Nonce: nonce, UserID: user, Items: []order.Line{{ProductID: "p1", Quantity: 1}}}, products, w.Now())
		if err != nil {
			return err
		}
		placed := &order.Order{}
		err = w.Record(placed, store.Cause{}, event)
		number = placed.Number
		return err
	})
	return number
}

// update changes an order and returns its version.
func (r *replica) update(id string) (version int64) {
	r.Helper()
	r.work(func(ctx context.Context, w *store.Work) error {
		if err := w.Load(ctx, store.AnyOwner, id); err != nil {
			return err
		}
		err := w.Record(w.Order(id), store.Cause{}, &events.OrderUpdated{OrderID: id, OccurredAt: w.Now()})
		version = w.Order(id).Version
		return err
	})
	return version
}

func (r *replica) work(fn func(ctx context.Context, w *store.Work) error) {
	r.Helper()
	err := r.db.InTx(context.Background(), func(ctx context.Context, tx *sqldb.Tx) error {
		w := r.store.Begin(tx)
		if err := fn(ctx, w); err != nil {
			return err
		}
		return w.Flush(ctx)
	})
	if err != nil {
		r.Errorf("write: %v", err)
	}
}

// message is what the API answers with, as far as the tests ask.
func message(o *order.Order) *orderv1.Order {
	return &orderv1.Order{Id: o.ID, UserId: o.UserID, OrderNumber: o.Number, Etag: strconv.FormatInt(o.Version, 10)}
}

func versionOf(o *orderv1.Order) int64 {
	v, err := strconv.ParseInt(o.GetEtag(), 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// fromDB reads as the API does.
func (r *replica) fromDB(owner, id string) func(context.Context) (*orderv1.Order, error) {
	return func(ctx context.Context) (*orderv1.Order, error) {
		o, err := store.Get(ctx, r.db, owner, id)
		if err != nil {
			return nil, err
		}
		if r.slow && rand.IntN(2) == 0 {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
		return message(o), nil
	}
}

func (r *replica) read(owner, id string) (*orderv1.Order, error) {
	return r.cache.Order(context.Background(), owner, id, r.fromDB(owner, id))
}

func (r *replica) list(owner string) (*orderv1.ListOrdersResponse, error) {
	return r.cache.Orders(context.Background(), owner, &orderv1.ListOrdersRequest{PageSize: 100}, func(ctx context.Context) (*orderv1.ListOrdersResponse, error) {
		filter := store.Filter{Owner: owner}
		orders, err := store.List(ctx, r.db, filter, nil, 100)
		if err != nil {
			return nil, err
		}
		answer := &orderv1.ListOrdersResponse{TotalSize: int32(len(orders))}
		for _, o := range orders {
			answer.Orders = append(answer.Orders, message(o))
		}
		return answer, nil
	})
}

// version reads and fails the test when that fails.
func (r *replica) version(owner, id string) int64 {
	r.Helper()
	o, err := r.read(owner, id)
	if err != nil {
		r.Fatal(err)
	}
	return versionOf(o)
}

// reads counts those with a result.
func (r *replica) reads(result string) int {
	r.Helper()
	all, err := r.metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	n := 0.0
	for _, family := range all {
		if family.GetName() != "order_cache_reads_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "result" && label.GetValue() == result {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return int(n)
}

func (r *replica) suspensions() int {
	r.Helper()
	all, err := r.metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() == "order_cache_suspensions_total" {
			return int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return 0
}

// hot reads until the cache has the order: it may be suspended, or know nothing of the last epoch yet.
func (r *replica) hot(owner, id string) {
	r.Helper()
	before := r.reads("hit")
	eventually(r.T, "the cache has "+id, func() bool {
		r.version(owner, id)
		return r.reads("hit") > before
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.Each(t, test)
}

// link is a TCP connection to Redis that can be cut.
type link struct {
	t      *testing.T
	addr   string
	target string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	l := &link{t: t, addr: "127.0.0.1:0", target: target, conns: map[net.Conn]bool{}}
	l.restore()
	l.addr = l.listener.Addr().String()
	t.Cleanup(func() {
		l.cut()
		l.running.Wait()
	})
	return l
}

func (l *link) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", l.addr)
	if err != nil {
		l.t.Errorf("link: %v", err)
		return
	}
	l.listener = listener
	l.running.Go(func() { l.accept(listener) })
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return
	}
	_ = l.listener.Close()
	l.listener = nil
	for c := range l.conns {
		_ = c.Close()
	}
}

func (l *link) accept(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		out, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
		if err != nil || !l.keep(in, out) {
			_ = in.Close()
			if out != nil {
				_ = out.Close()
			}
			continue
		}
		l.running.Go(func() { l.pipe(in, out) })
		l.running.Go(func() { l.pipe(out, in) })
	}
}

func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = true
	}
	return l.listener != nil
}

func (l *link) pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = from.Close(), to.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, from)
	delete(l.conns, to)
}
