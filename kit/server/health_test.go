package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestHealth(t *testing.T) {
	r := start(t)
	var database, cache atomic.Bool
	down := func(up *atomic.Bool) func(context.Context) error {
		return func(context.Context) error {
			if up.Load() {
				return nil
			}
			return errors.New("connection refused")
		}
	}
	r.AddCheck("database", true, down(&database))
	r.AddCheck("cache", false, down(&cache))

	expect := func(what string, startup, ready, health int, word string) {
		t.Helper()
		for path, want := range map[string]int{"/health/live": 200, "/health/startup": startup, "/health/ready": ready, "/health": health} {
			if got, body := r.get(path); got != want {
				t.Errorf("%s: %s is %d, want %d: %s", what, path, got, want, body)
			}
		}
		_, body := r.get("/health")
		var report struct {
			Status string
			Checks map[string]struct {
				Status, Error string
				Required      bool
			}
		}
		if err := json.Unmarshal([]byte(body), &report); err != nil {
			t.Fatal(err)
		}
		if report.Status != word || len(report.Checks) != 3 || report.Checks["token_issuer"].Status != "up" || !report.Checks["database"].Required || report.Checks["cache"].Required {
			t.Errorf("%s: want %s in %s", what, word, body)
		}
		if (report.Checks["database"].Error == "connection refused") == database.Load() {
			t.Errorf("%s: %s", what, body)
		}
		wantGRPC := healthpb.HealthCheckResponse_NOT_SERVING
		if ready == 200 {
			wantGRPC = healthpb.HealthCheckResponse_SERVING
		}
		for _, service := range []string{"", "orderflow.kit.test.v1.ShelfService"} {
			eventually(t, what+": gRPC health "+wantGRPC.String(), func() bool { return grpcHealth(t, r, service) == wantGRPC })
		}
	}
	expect("at first", 503, 503, 503, "down")
	r.SetStarted()
	expect("started", 200, 503, 503, "down")
	database.Store(true)
	expect("without the optional", 200, 200, 200, "degraded")
	cache.Store(true)
	expect("all up", 200, 200, 200, "up")
	database.Store(false)
	expect("without the required", 200, 503, 503, "down")
}

func TestCheckThatHangs(t *testing.T) {
	r := start(t)
	release := make(chan struct{})
	defer close(release)
	r.AddCheck("database", true, func(context.Context) error { <-release; return nil })
	if code, body := r.get("/health"); code != 503 || !strings.Contains(body, "no answer in time") {
		t.Errorf("%d %s", code, body)
	}
}

func grpcHealth(t *testing.T, r *rig, service string) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := healthpb.NewHealthClient(r.conn()).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus()
}

func TestInfoAndProfiles(t *testing.T) {
	r := start(t)
	_, body := r.get("/info")
	var info map[string]string
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		t.Fatal(err)
	}
	if info["service"] != "shelves" || info["version"] != "v1.2.3" || info["environment"] != "test" {
		t.Error(body)
	}
	if at, err := time.Parse(time.RFC3339Nano, info["time"]); err != nil || time.Since(at).Abs() > time.Minute {
		t.Error(body)
	}
	if code, _ := r.get("/debug/pprof/heap"); code != 200 {
		t.Errorf("pprof: %d", code)
	}
	resp, _ := r.request(http.MethodGet, "/metrics", "")
	if resp.StatusCode != http.StatusNotFound {
		t.Error("what belongs to the admin port is on the public one")
	}
}
