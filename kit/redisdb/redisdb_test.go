package redisdb_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"orderflow.example/kit/redisdb"
	"orderflow.example/kit/redisdb/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheckNeverRepeatsTheValue(t *testing.T) {
	for value, good := range map[string]bool{
		"redis://127.0.0.1:6379":            true,
		"redis://user:secret@redis:6379/3":  true,
		"rediss://:secret@cache.example":    true,
		"":                                  false,
		"127.0.0.1:6379":                    false,
		"http://secret@host:6379":           false,
		"unix:///run/secret.sock":           false,
		"redis://":                          false,
		"redis://user:sec%ret@host":         false,
		"redis://host/secret":               false,
		"redis://host:6379?password=secret": false,
	} {
		err := redisdb.Check(value)
		if (err == nil) != good {
			t.Errorf("%s: %v", value, err)
		}
		if err != nil && err.Error() != "REDIS_URL: must be redis://[user:password@]host:port[/database], or rediss:// for TLS" {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestUse(t *testing.T) {
	c := redistest.Open(t, redistest.URL(t))
	err := c.Use(t.Context(), func(ctx context.Context, r *redis.Client) error { return r.Set(ctx, "a", "b", time.Minute).Err() })
	if err != nil {
		t.Fatal(err)
	}
	err = c.Use(t.Context(), func(ctx context.Context, r *redis.Client) error { return r.Get(ctx, "none").Err() })
	if !errors.Is(err, redis.Nil) {
		t.Errorf("a key that is not there: %v", err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// A Redis that does not answer costs a few callers a quarter of a second each, and then nobody anything. Both turns are logged once.
func TestADeadRedisIsLeftAlone(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts, by the kernel, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	var log bytes.Buffer
	c, err := redisdb.Open("redis://"+silent.Addr().String(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	get := func() error {
		return c.Use(t.Context(), func(ctx context.Context, r *redis.Client) error { return r.Get(ctx, "a").Err() })
	}
	began := time.Now()
	for range 3 {
		if err := get(); err == nil || errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("got %v", err)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("three failures took %s", took)
	}
	began = time.Now()
	for range 1000 {
		if err := get(); !errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("got %v", err)
		}
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("a thousand refusals took %s", took)
	}
	if n := strings.Count(log.String(), "redis is away"); n != 1 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

func TestRedisComesAndGoes(t *testing.T) {
	server := redistest.Own(t)
	var log bytes.Buffer
	c, err := redisdb.Open(server.URL(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	set := func() error {
		return c.Use(t.Context(), func(ctx context.Context, r *redis.Client) error { return r.Set(ctx, "a", "b", time.Minute).Err() })
	}
	if err := set(); err != nil {
		t.Fatal(err)
	}
	before := c.Server()
	server.Stop()
	eventually(t, "left alone", func() bool { return errors.Is(set(), redisdb.ErrAway) })
	server.Start()
	eventually(t, "used again", func() bool { return set() == nil })
	if server.IsReal() && (before == "" || c.Server() == before) {
		t.Errorf("a restart is not seen: %q, then %q", before, c.Server())
	}
	if text := log.String(); strings.Count(text, "redis is away") != 1 || strings.Count(text, "redis is back") != 1 {
		t.Errorf("log: %s", text)
	}
}

// Callers that give up say nothing about Redis.
func TestCallersThatLeaveDoNotCount(t *testing.T) {
	c := redistest.Open(t, redistest.URL(t))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	get := func(ctx context.Context) error {
		return c.Use(ctx, func(ctx context.Context, r *redis.Client) error { return r.Ping(ctx).Err() })
	}
	for range 10 {
		if err := get(gone); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	if err := get(t.Context()); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
