package redisdb

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// greet asks each new connection which server process it leads to, before anything else is sent over it. A server that restarted, or took
// over from another, may have lost its last writes and hold again what was deleted.
func (c *Client) greet(ctx context.Context, conn *redis.Conn) error {
	info, err := conn.Info(ctx, "server").Result()
	var refused redis.Error
	if errors.As(err, &refused) && !strings.HasPrefix(refused.Error(), "NOAUTH") && !strings.HasPrefix(refused.Error(), "LOADING") {
		info = "" // a stand-in for Redis that does not know INFO, or an account that may not ask
	} else if err != nil {
		return err
	}
	id := runID(info)
	c.server.Store(&id)
	return nil
}

func runID(info string) string {
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

// Server identifies the server process that the latest connection leads to: another one after every restart and failover. It is empty before
// the first connection, and where the server does not tell.
func (c *Client) Server() string {
	if id := c.server.Load(); id != nil {
		return *id
	}
	return ""
}
