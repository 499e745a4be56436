package cache

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bsm/redislock"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/redisdb"
	"orderflow.example/order/internal/store"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

const (
	lifetime    = 300 * time.Second
	lockExpires = 30 * time.Second
	largest     = 256 << 10 // bytes of an answer that is kept
)

// place is where an answer is kept: the field of a hash.
type place struct{ kind, key, field string }

// firstPage names the field of a request for the first page of the owner's own orders that filters nothing. A filter that is not known here
// makes the request another one.
func firstPage(owner string, req *orderv1.ListOrdersRequest) (field string, ok bool) {
	bare := &orderv1.ListOrdersRequest{UserId: req.GetUserId(), PageSize: req.GetPageSize()}
	if owner == store.AnyOwner || (req.GetUserId() != "" && req.GetUserId() != owner) || !proto.Equal(bare, req) {
		return "", false
	}
	return strconv.Itoa(int(req.GetPageSize())) + " " + strconv.FormatBool(req.GetUserId() != ""), true
}

// tag marks an answer with what it was made under: it counts only while all of that is the same. The server process of Redis is part of it, as
// one that restarted or took over may hold again what was removed.
func (c *Cache) tag(epoch, server string) string {
	return strings.Join([]string{c.release, epoch, server}, " ")
}

// get reads an answer; false when there is none that counts.
func (c *Cache) get(ctx context.Context, at place, epoch string, into proto.Message) bool {
	var kept []byte
	err := c.redis.Use(ctx, func(ctx context.Context, r *redis.Client) (err error) {
		kept, err = r.HGet(ctx, at.key, at.field).Bytes()
		return err
	})
	if err != nil {
		return false // it is not there, or Redis is away, which its client logs
	}
	tag, answer, ok := bytes.Cut(kept, []byte{'\n'})
	if !ok || string(tag) != c.tag(epoch, c.redis.Server()) {
		return false
	}
	return proto.Unmarshal(answer, into) == nil
}

// fillIfHeld keeps an answer for as long as the key lives, if the lock is still the one that was held when the answer was read: a change in
// between has removed it. KEYS: key, lock; ARGV: the lock's value, field, answer, milliseconds.
var fillIfHeld = redis.NewScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1`)

// fill happens although the caller may have gone: others wait for it.
func (c *Cache) fill(ctx context.Context, at place, lock *redislock.Lock, tag string, answer proto.Message) {
	text, err := proto.Marshal(answer)
	if err != nil || len(text) > largest {
		c.locks.release(ctx, lock)
		return
	}
	value := append([]byte(tag+"\n"), text...)
	_ = c.redis.Use(context.WithoutCancel(ctx), func(ctx context.Context, r *redis.Client) error { // not kept: read again the next time
		return fillIfHeld.Run(ctx, r, []string{at.key, lock.Key()}, lock.Token(), at.field, value, lifetime.Milliseconds()).Err()
	})
}

// locker gives one reader at a time the right to fill a key.
type locker struct{ redis *redisdb.Client }

func lockOf(key string) string { return "lock:" + key }

// obtain gives the lock, or nil: held by somebody else, or not to be had as Redis is away. It ends in one way or the other although the caller
// may go.
func (l locker) obtain(ctx context.Context, key string) (lock *redislock.Lock, held bool) {
	ctx = context.WithoutCancel(ctx)
	options := &redislock.Options{Token: uuid.NewString()}
	err := l.redis.Use(ctx, func(ctx context.Context, r *redis.Client) error {
		var err error
		lock, err = redislock.New(r).Obtain(ctx, lockOf(key), lockExpires, options)
		if errors.Is(err, redislock.ErrNotObtained) {
			held = true
			return nil
		}
		return err
	})
	if err != nil {
		l.abandon(ctx, key, options.Token)
		return nil, false
	}
	return lock, held
}

// removeIfHeld removes a lock that is still the one with the value. KEYS: lock; ARGV: value.
var removeIfHeld = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)

// abandon removes a lock that Redis may have given without our having heard of it: it would keep all readers waiting until it expires.
func (l locker) abandon(ctx context.Context, key, token string) {
	_ = l.redis.Use(ctx, func(ctx context.Context, r *redis.Client) error { // it expires by itself
		return removeIfHeld.Run(ctx, r, []string{lockOf(key)}, token).Err()
	})
}

// release lets the next reader fill. It happens although the caller may have gone.
func (l locker) release(ctx context.Context, lock *redislock.Lock) {
	_ = l.redis.Use(context.WithoutCancel(ctx), func(ctx context.Context, _ *redis.Client) error { // it expires by itself
		if err := lock.Release(ctx); err != nil && !errors.Is(err, redislock.ErrLockNotHeld) {
			return err
		}
		return nil
	})
}
