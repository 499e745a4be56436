package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/kit/ratelimit"
	"orderflow.example/kit/redisdb"
	"orderflow.example/kit/redisdb/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs a test with buckets in memory and in Redis.
func each(t *testing.T, test func(t *testing.T, redis *redisdb.Client)) {
	t.Helper()
	t.Run("local", func(t *testing.T) { test(t, nil) })
	t.Run("redis", func(t *testing.T) { test(t, redistest.Open(t, redistest.URL(t))) })
}

func limiter(t *testing.T, limit ratelimit.Limit, redis *redisdb.Client) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New("test", limit, redis)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// taken counts the tokens that a key gets of so many tries at once.
func taken(t *testing.T, l *ratelimit.Limiter, key string, tries int) (n int, wait time.Duration) {
	t.Helper()
	for range tries {
		after, ok := l.Allow(t.Context(), key)
		if ok {
			n++
		} else {
			wait = after
		}
	}
	return n, wait
}

func TestABurstThenOneByOne(t *testing.T) {
	each(t, func(t *testing.T, redis *redisdb.Client) {
		l := limiter(t, ratelimit.Limit{PerSecond: 1, Burst: 5}, redis)
		began := time.Now()
		n, wait := taken(t, l, "a", 50)
		most := 5 + int(time.Since(began).Seconds()+1) // what came in meanwhile, on a slow machine
		if n < 5 || n > most || wait <= 0 || wait > time.Second {
			t.Errorf("took %d, then told to wait %s", n, wait)
		}
		if n, _ := taken(t, l, "b", 5); n != 5 {
			t.Errorf("another key took %d", n)
		}
	})
}

func TestABucketFills(t *testing.T) {
	each(t, func(t *testing.T, redis *redisdb.Client) {
		l := limiter(t, ratelimit.Limit{PerSecond: 50, Burst: 1}, redis)
		if _, ok := l.Allow(t.Context(), "a"); !ok {
			t.Fatal("a new bucket is full")
		}
		deadline := time.Now().Add(10 * time.Second)
		for {
			wait, ok := l.Allow(t.Context(), "a")
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("never filled; told to wait %s", wait)
			}
			<-time.After(wait)
		}
	})
}

// Refused tries take nothing: who asks too often is not locked out for longer.
func TestRefusalsAreFree(t *testing.T) {
	each(t, func(t *testing.T, redis *redisdb.Client) {
		l := limiter(t, ratelimit.Limit{PerSecond: 1, Burst: 1}, redis)
		if _, wait := taken(t, l, "a", 200); wait > time.Second {
			t.Errorf("told to wait %s", wait)
		}
	})
}

func TestReplicasShareBuckets(t *testing.T) {
	url := redistest.URL(t)
	limit := ratelimit.Limit{PerSecond: 1, Burst: 10}
	one, two := limiter(t, limit, redistest.Open(t, url)), limiter(t, limit, redistest.Open(t, url))
	began := time.Now()
	n1, _ := taken(t, one, "a", 8)
	n2, _ := taken(t, two, "a", 8)
	if most := 10 + int(time.Since(began).Seconds()+1); n1 != 8 || n1+n2 < 10 || n1+n2 > most {
		t.Errorf("took %d and %d", n1, n2)
	}
}

// When Redis goes away in the middle, the local buckets count; when it is back, the shared ones.
func TestRedisAway(t *testing.T) {
	server := redistest.Own(t)
	l := limiter(t, ratelimit.Limit{PerSecond: 1, Burst: 10}, redistest.Open(t, server.URL()))
	if n, _ := taken(t, l, "a", 10); n != 10 {
		t.Fatalf("took %d", n)
	}
	server.Stop()
	began := time.Now()
	n, _ := taken(t, l, "a", 100)
	if most := 10 + int(time.Since(began).Seconds()+1); n < 10 || n > most {
		t.Errorf("took %d without Redis", n)
	}
	server.Start()
	other := limiter(t, ratelimit.Limit{PerSecond: 1, Burst: 1}, redistest.Open(t, server.URL()))
	for deadline := time.Now().Add(20 * time.Second); ; { // until what one takes, the other lacks
		key := fmt.Sprint("key", time.Now().UnixNano())
		if l.Allow(t.Context(), key); time.Now().After(deadline) {
			t.Fatal("not shared again within 20 s")
		}
		if taken, _ := taken(t, other, key, 1); taken == 0 {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestNoLimit(t *testing.T) {
	l := limiter(t, ratelimit.Limit{}, nil)
	if n, _ := taken(t, l, "a", 1000); n != 1000 {
		t.Errorf("took %d", n)
	}
	for _, bad := range []ratelimit.Limit{{PerSecond: -1, Burst: 1}, {PerSecond: 1}} {
		if _, err := ratelimit.New("test", bad, nil); err == nil {
			t.Errorf("%+v is no limit", bad)
		}
	}
}

// Keys without end cost no memory without end.
func TestManyKeys(t *testing.T) {
	l := limiter(t, ratelimit.Limit{PerSecond: 1, Burst: 1}, nil)
	for i := range 30_000 {
		l.Allow(t.Context(), fmt.Sprint(i))
	}
	if n, _ := taken(t, l, "29999", 5); n == 5 {
		t.Error("a recent bucket is gone")
	}
	if _, ok := l.Allow(t.Context(), "0"); !ok {
		t.Error("the oldest bucket is still there")
	}
}
