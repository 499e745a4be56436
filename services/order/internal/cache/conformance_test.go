package cache_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/store"
)

// ranFor is how long the random schedules run on each database; CACHE_CONFORMANCE=2m lets them run for longer.
func ranFor(t *testing.T) time.Duration {
	text := os.Getenv("CACHE_CONFORMANCE")
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	users         = 6
	ordersOfUser  = 8
	firstReplicas = 3
)

// TestEveryoneReadsTheirWrites lets users write and read over random replicas, while consumers change the same orders, links to Redis are cut,
// Redis is killed, and replicas are added. Nobody may read a state older than their own last write, or an order of somebody else.
func TestEveryoneReadsTheirWrites(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		c := newCluster(t, db, firstReplicas)
		c.slow = true
		all := &replicas{list: c.replicas}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		for u := range users {
			for n := range ordersOfUser {
				c.replicas[0].place(orderOf(u, n), userOf(u))
			}
		}
		end := newEnd(ranFor(t), all)
		var running sync.WaitGroup
		for u := range users {
			running.Go(func() {
				s := &session{T: t, user: u, all: all, random: rand.New(rand.NewPCG(seed, uint64(u))), floor: map[string]int64{}, placed: ordersOfUser}
				for n := range ordersOfUser {
					s.floor[orderOf(u, n)] = 1
				}
				for !end.reached() && !t.Failed() {
					s.step()
				}
			})
		}
		running.Go(func() { // what other services say
			random := rand.New(rand.NewPCG(seed, 100))
			for !end.reached() && !t.Failed() {
				all.any(random).update(anyOrder(random.IntN(users), random))
				time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			}
		})
		for n := range 3 { // users' other devices and staff, whose reads fill the cache while users write
			running.Go(func() {
				random := rand.New(rand.NewPCG(seed, 300+uint64(n)))
				for !end.reached() && !t.Failed() {
					readAnything(all.any(random), random)
				}
			})
		}
		running.Go(func() { disturb(c, all, rand.New(rand.NewPCG(seed, 200)), end) })
		running.Wait()
		seen := all.seen()
		t.Logf("%+v", seen)
		if !seen.enough() {
			t.Error("the test does not test what it should")
		}
	})
}

func userOf(u int) string     { return fmt.Sprint("u", u) }
func orderOf(u, n int) string { return fmt.Sprintf("o%d-%d", u, n) }

// anyOrder is often the first one, so that readers and writers meet.
func anyOrder(u int, random *rand.Rand) string {
	return orderOf(u, max(0, random.IntN(2*ordersOfUser)-ordersOfUser))
}

// end comes when the time is over and everything has happened that is to be tested, or when that takes too long.
type end struct {
	soonest, latest time.Time
	all             *replicas
	over            atomic.Bool
}

func newEnd(after time.Duration, all *replicas) *end {
	return &end{soonest: time.Now().Add(after), latest: time.Now().Add(10 * after), all: all}
}

func (e *end) reached() bool {
	if now := time.Now(); !e.over.Load() && (now.Before(e.soonest) || (now.Before(e.latest) && !e.all.seen().enough())) {
		return false
	}
	e.over.Store(true)
	return true
}

// replicas may grow.
type replicas struct {
	mu   sync.Mutex
	list []*replica
}

type seen struct{ hits, misses, off, suspensions int }

func (s seen) enough() bool { return s.hits > 300 && s.misses > 50 && s.off > 0 && s.suspensions > 2 }

func (r *replicas) seen() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s seen
	for _, each := range r.list {
		s.hits, s.misses, s.off = s.hits+each.reads("hit"), s.misses+each.reads("miss"), s.off+each.reads("off")
		s.suspensions += each.suspensions()
	}
	return s
}

func (r *replicas) any(random *rand.Rand) *replica {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[random.IntN(len(r.list))]
}

// session is one user, who does one thing after the other.
type session struct {
	*testing.T
	user   int
	all    *replicas
	random *rand.Rand
	floor  map[string]int64 // version of the own last write, by order
	placed int
}

func (s *session) step() {
	r := s.all.any(s.random)
	id := anyOrder(s.user, s.random)
	switch n := s.random.IntN(100); {
	case n < 4:
		s.floor[id] = r.update(id)
	case n < 6:
		r.place(fmt.Sprintf("%s-%d", userOf(s.user), s.placed), userOf(s.user))
		s.placed++
	case n < 20:
		s.list(r)
	case n < 30:
		another := (s.user + 1 + s.random.IntN(users-1)) % users
		if o, err := r.read(userOf(s.user), orderOf(another, 0)); errs.From(err) == nil || errs.From(err).Code != errs.NotFound {
			s.Errorf("%s reads %s of %s: %v", userOf(s.user), o.GetId(), o.GetUserId(), err)
		}
	default:
		o, err := r.read(userOf(s.user), id)
		if err != nil || o.GetId() != id || o.GetUserId() != userOf(s.user) || versionOf(o) < s.floor[id] {
			s.Errorf("%s reads %s: version %s after writing %d, %v", userOf(s.user), id, o.GetEtag(), s.floor[id], err)
		}
	}
}

func readAnything(r *replica, random *rand.Rand) {
	u := random.IntN(users)
	owner := userOf(u)
	if random.IntN(4) == 0 {
		if _, err := r.list(owner); err != nil {
			r.Errorf("list: %v", err)
		}
		return
	}
	if random.IntN(2) == 0 {
		owner = store.AnyOwner
	}
	if _, err := r.read(owner, anyOrder(u, random)); err != nil {
		r.Errorf("read: %v", err)
	}
}

func (s *session) list(r *replica) {
	list, err := r.list(userOf(s.user))
	if err != nil || int(list.GetTotalSize()) < min(100, s.placed) {
		s.Errorf("%s lists %d orders after placing %d, %v", userOf(s.user), list.GetTotalSize(), s.placed, err)
	}
	for _, o := range list.GetOrders() {
		if o.GetUserId() != userOf(s.user) || versionOf(o) < s.floor[o.GetId()] {
			s.Errorf("%s lists %s of %s: version %s after writing %d", userOf(s.user), o.GetId(), o.GetUserId(), o.GetEtag(), s.floor[o.GetId()])
		}
	}
}

// disturb breaks something for a while, again and again.
func disturb(c *cluster, all *replicas, random *rand.Rand, end *end) {
	pause := func(most int) { time.Sleep(time.Duration(1+random.IntN(most)) * time.Millisecond) }
	for round := 0; !end.reached() && !c.Failed(); round++ {
		pause(2000)
		switch random.IntN(3) {
		case 0:
			c.redis.Stop()
			pause(200)
			c.redis.Start()
		default:
			r := all.any(random)
			r.link.cut()
			pause(400)
			r.link.restore()
		}
		if round%4 == 0 && len(all.list) < 2*firstReplicas {
			added := c.start(timing)
			all.mu.Lock()
			all.list = append(all.list, added)
			all.mu.Unlock()
		}
		for _, r := range all.list {
			if _, err := r.cache.Keep(c.Context(), time.Now()); err != nil {
				c.Errorf("keep: %v", err)
			}
		}
	}
}
