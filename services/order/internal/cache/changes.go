package cache

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"orderflow.example/order/internal/store"
)

// tellFor bounds how long a change waits for the database when Redis could not be told of it.
const tellFor = 5 * time.Second

// Changed forgets what is cached of orders that were written, and returns when nobody is given it any more. It is called after the commit,
// and with certain false when nobody knows whether there was one: then the cache is out of use until there is surely none to come.
//
// Removing the lock as well takes the right to fill from whoever has read the order before the change.
func (c *Cache) Changed(changes []store.Change, certain bool) {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tellFor) // the caller may have gone, the change has not
	defer cancel()
	if certain && c.forget(ctx, changes) == nil {
		return
	}
	if err := c.gate.suspend(ctx); err != nil {
		c.log.Error("neither Redis nor the database could be told that cached orders are out of date: other replicas may give them out until this succeeds",
			slog.Any("error", err), slog.Int("orders", len(changes)))
	}
}

func (c *Cache) forget(ctx context.Context, changes []store.Change) error {
	keys := make([]string, 0, 4*len(changes))
	users := make(map[string]bool, len(changes))
	for _, change := range changes {
		keys = append(keys, "order:"+change.OrderID, lockOf("order:"+change.OrderID))
		if !users[change.UserID] {
			users[change.UserID] = true
			keys = append(keys, "user_orders:"+change.UserID, lockOf("user_orders:"+change.UserID))
		}
	}
	return c.redis.Use(ctx, func(ctx context.Context, r *redis.Client) error { return r.Del(ctx, keys...).Err() })
}

// Keep is to be called at the start and every now and then. It begins an epoch once, as the process before may have died between a commit and
// telling of it, and makes up for a suspension that the database did not take.
func (c *Cache) Keep(ctx context.Context, _ time.Time) (int, error) {
	if !c.gate.begun.Load() {
		if err := c.gate.begin(ctx, func(time.Time) time.Time { return time.Time{} }); err != nil {
			return 0, err
		}
		c.gate.begun.Store(true)
	}
	if c.gate.owed.Load() {
		if err := c.gate.suspend(ctx); err != nil {
			return 0, err
		}
		return 1, nil
	}
	return 0, nil
}
