// Package redistest gives tests a Redis: a database of the server at REDIS_URL when that is set, an imitation in the process otherwise.
package redistest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"orderflow.example/kit/redisdb"
)

// Variable names the server for tests. Its databases 1 to 15 are emptied.
const Variable = "REDIS_URL"

const databases = 16 // of a server with its default configuration; number 0 holds the count of those that were given out

// URL is of an empty database that no other test uses, as long as not more than 15 run at once.
func URL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		return "redis://" + miniredis.RunT(t).Addr()
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is no URL", Variable)
	}
	u.Path = "/0"
	number := with(t, u.String(), func(ctx context.Context, r *redis.Client) (int64, error) {
		return r.Incr(ctx, "orderflow_test_databases").Result()
	})
	u.Path = "/" + strconv.FormatInt(1+number%(databases-1), 10)
	with(t, u.String(), func(ctx context.Context, r *redis.Client) (int64, error) { return 0, r.FlushDB(ctx).Err() })
	return u.String()
}

// Open connects to a URL until the test ends.
func Open(t testing.TB, rawURL string) *redisdb.Client {
	t.Helper()
	c, err := redisdb.Open(rawURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close redis: %v", err)
		}
	})
	return c
}

func with(t testing.TB, rawURL string, fn func(ctx context.Context, r *redis.Client) (int64, error)) int64 {
	t.Helper()
	options, err := redis.ParseURL(rawURL)
	if err != nil {
		t.Fatalf("%s: not a Redis URL", Variable)
	}
	r := redis.NewClient(options)
	defer func() { _ = r.Close() }() // its answer is here
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := fn(ctx, r)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	return n
}
