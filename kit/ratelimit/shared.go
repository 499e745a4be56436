package ratelimit

import (
	"context"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"orderflow.example/kit/redisdb"
)

// shared has its buckets in Redis, under rate:NAME:KEY. A bucket that is full again is no key any more.
type shared struct {
	limit redis_rate.Limit
	redis *redisdb.Client
}

func newShared(limit Limit, redis *redisdb.Client) *shared {
	return &shared{limit: redis_rate.Limit{Rate: limit.PerSecond, Burst: limit.Burst, Period: time.Second}, redis: redis}
}

func (s *shared) allow(ctx context.Context, key string) (wait time.Duration, ok bool, err error) {
	err = s.redis.Use(ctx, func(ctx context.Context, r *redis.Client) error {
		result, err := redis_rate.NewLimiter(r).Allow(ctx, key, s.limit)
		if err != nil {
			return err
		}
		wait, ok = max(0, result.RetryAfter), result.Allowed > 0
		return nil
	})
	return wait, ok, err
}
