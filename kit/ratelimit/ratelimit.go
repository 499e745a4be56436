// Package ratelimit bounds how often something may happen, by key: a token bucket each. The buckets are in Redis, shared by all replicas, where
// there is one, and in memory otherwise or while Redis is away.
package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"orderflow.example/kit/redisdb"
)

// Limit is a bucket's size and how fast it fills.
type Limit struct {
	PerSecond int // 0: no limit
	Burst     int
}

// Limiter is safe for concurrent use. Nil limits nothing.
type Limiter struct {
	name   string
	local  *local
	shared *shared // nil: none
}

// New makes a limiter; nil for a limit of 0. Limiters of the same name share their buckets in Redis, which may be nil.
func New(name string, limit Limit, redis *redisdb.Client) (*Limiter, error) {
	if limit.PerSecond == 0 {
		return nil, nil
	}
	if limit.PerSecond < 0 || limit.Burst < 1 {
		return nil, errors.New("a rate limit must not be negative, and its burst must be at least 1")
	}
	buckets, err := newLocal(limit)
	if err != nil {
		return nil, err
	}
	l := &Limiter{name: name, local: buckets}
	if redis != nil {
		l.shared = newShared(limit, redis)
	}
	return l, nil
}

// Allow takes a token from the key's bucket. Without one it tells in how long there will be one, and takes nothing.
func (l *Limiter) Allow(ctx context.Context, key string) (wait time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	bucket := l.bucket(key)
	if l.shared != nil {
		if wait, ok, err := l.shared.allow(ctx, bucket); err == nil {
			return wait, ok
		} // the client has logged that Redis is away
	}
	return l.local.allow(bucket)
}

// bucket is of one length whatever a caller's name or address is, and tells neither.
func (l *Limiter) bucket(key string) string {
	sum := sha256.Sum256([]byte(key))
	return l.name + ":" + hex.EncodeToString(sum[:16])
}
