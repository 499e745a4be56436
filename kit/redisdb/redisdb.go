// Package redisdb is the client of the optional Redis (REDIS_URL). What it holds can be done without: each use is short and may fail, and a
// Redis that is away costs a caller next to nothing.
package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"
)

const (
	// useTimeout bounds one use, a new connection included. A call that Redis only makes faster, or counts, can't wait for seconds;
	// a Redis that is well answers in one thousandth of this.
	useTimeout = 250 * time.Millisecond
	// failuresToOpen in a row leave Redis alone for retryAfter; then one use at a time tries again.
	failuresToOpen = 3
	retryAfter     = time.Second

	poolSize = 20 // connections
)

// ErrAway is the answer to a use while Redis is left alone, because it failed just now.
var ErrAway = errors.New("redis is away")

// Client is safe for concurrent use.
type Client struct {
	redis   *redis.Client
	breaker *gobreaker.CircuitBreaker[struct{}]
	server  atomic.Pointer[string]
}

// Check tells what is wrong with a value of REDIS_URL, without repeating it: it may hold a password.
func Check(rawURL string) error {
	_, err := parse(rawURL)
	return err
}

func parse(rawURL string) (*redis.Options, error) {
	wrong := errors.New("REDIS_URL: must be redis://[user:password@]host:port[/database], or rediss:// for TLS")
	u, err := url.Parse(rawURL)
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" || u.RawQuery != "" {
		return nil, wrong
	}
	options, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, wrong
	}
	return options, nil
}

// quiet keeps the library from writing to standard error on its own: what fails is returned to the caller.
var quiet = sync.OnceFunc(func() { redis.SetLogger(nowhere{}) })

type nowhere struct{}

func (nowhere) Printf(context.Context, string, ...any) {}

// Open makes a client of one server, or of the primary's address. It does not connect: Redis may come later, or never.
func Open(rawURL string, log *slog.Logger) (*Client, error) {
	options, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	quiet()
	c := &Client{breaker: newBreaker(log)}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = useTimeout, useTimeout, useTimeout, useTimeout
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	options.MaxRetries = -1 // a use that fails is done without
	options.PoolSize = poolSize
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.OnConnect = c.greet
	c.redis = redis.NewClient(options)
	return c, nil
}

// newBreaker logs once when Redis goes away, and once when it is back.
func newBreaker(log *slog.Logger) *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         "redis",
		Timeout:      retryAfter,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, redis.Nil) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errCallerLeft) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch {
			case from == gobreaker.StateClosed:
				log.Warn("redis is away: going on without it")
			case to == gobreaker.StateClosed:
				log.Info("redis is back")
			}
		},
	})
}

// errCallerLeft marks a use that ended because its caller's context did, which says nothing about Redis.
var errCallerLeft = errors.New("the caller has gone")

// Use runs fn, which is one round trip or few, within 250 ms. It fails at once, with ErrAway, while Redis is left alone after failures.
// redis.Nil is an answer like any other.
func (c *Client) Use(ctx context.Context, fn func(ctx context.Context, r *redis.Client) error) error {
	_, err := c.breaker.Execute(func() (struct{}, error) {
		limited, cancel := context.WithTimeout(ctx, useTimeout)
		defer cancel()
		err := fn(limited, c.redis)
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errCallerLeft, err)
		}
		return struct{}{}, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ErrAway
	}
	return err
}

// Ping asks Redis itself, whatever became of the last uses.
func (c *Client) Ping(ctx context.Context) error { return c.redis.Ping(ctx).Err() }

// Close frees the connections.
func (c *Client) Close() error { return c.redis.Close() }
