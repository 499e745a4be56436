package ratelimit

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxBuckets bounds the memory, to some 3 MB: the bucket that was idle for longest makes room, and begins full when its key comes again.
const maxBuckets = 20_000

type local struct {
	limit Limit

	mu      sync.Mutex
	buckets *lru.Cache[string, *rate.Limiter]
}

func newLocal(limit Limit) (*local, error) {
	buckets, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil {
		return nil, err
	}
	return &local{limit: limit, buckets: buckets}, nil
}

func (l *local) allow(key string) (wait time.Duration, ok bool) {
	now := time.Now()
	taken := l.bucket(key).ReserveN(now, 1)
	wait = taken.DelayFrom(now)
	if wait > 0 {
		taken.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *local) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets.Get(key); ok {
		return b
	}
	b := rate.NewLimiter(rate.Limit(l.limit.PerSecond), l.limit.Burst)
	l.buckets.Add(key, b)
	return b
}
