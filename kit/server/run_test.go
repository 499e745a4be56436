package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/auth/authtest"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	addr := taken.Addr().String()
	tests := []struct {
		change func(*server.Config)
		want   string
	}{
		{func(c *server.Config) { c.HTTPAddr = addr }, "HTTP_ADDR=" + addr + ": address already in use"},
		{func(c *server.Config) { c.GRPCAddr = addr }, "GRPC_ADDR=" + addr + ": address already in use"},
		{func(c *server.Config) { c.AdminAddr = addr }, "ADMIN_ADDR=" + addr + ": address already in use"},
		{func(c *server.Config) { c.HTTPAddr, c.AdminAddr = addr, addr }, "HTTP_ADDR=" + addr + ": address already in use; ADMIN_ADDR=" + addr + ": address already in use"},
		{func(c *server.Config) { c.GRPCAddr = "" }, "GRPC_ADDR=: an address is needed, such as 127.0.0.1:8080"},
		{func(c *server.Config) { c.GRPCAddr = "127.0.0.1" }, "GRPC_ADDR=127.0.0.1: address 127.0.0.1: missing port in address"},
		{func(c *server.Config) { c.GRPCAddr = "127.0.0.1:99999" }, "GRPC_ADDR=127.0.0.1:99999: address 99999: invalid port"},
	}
	for _, tt := range tests {
		cfg := loopback()
		tt.change(&cfg)
		_, err := server.Listen(cfg, options(t, authtest.NewIssuer(t), &shelves{}, io.Discard))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	tests := []struct {
		name   string
		change func(*server.Config, *server.Options)
		want   string
	}{
		{"a method without a rule", func(_ *server.Config, o *server.Options) { o.Rules = nil }, "no auth rule says who may call /orderflow.kit.test.v1.ShelfService/"},
		{"a rule for nothing", func(_ *server.Config, o *server.Options) {
			o.Rules = map[string]auth.Rule{"/x.Y/Z": {}}
			for method, rule := range rules {
				o.Rules[method] = rule
			}
		}, "/x.Y/Z"},
		{"201 for nothing", func(_ *server.Config, o *server.Options) { o.Created = []string{"/x.Y/Z"} }, "/x.Y/Z"},
		{"no verifier", func(_ *server.Config, o *server.Options) { o.Verifier = nil }, "Verifier"},
		{"no tokens where others can reach it", func(c *server.Config, o *server.Options) {
			c.HTTPAddr = "0.0.0.0:0"
			verifier, err := auth.NewVerifier(auth.Config{Mode: auth.ModeNone}, o.Log)
			if err != nil {
				t.Fatal(err)
			}
			o.Verifier = verifier
		}, "AUTH_MODE=none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, opts := loopback(), options(t, issuer, &shelves{}, io.Discard)
			tt.change(&cfg, &opts)
			if _, err := server.Listen(cfg, opts); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestCloseFreesThePorts(t *testing.T) {
	s, err := server.Listen(loopback(), options(t, authtest.NewIssuer(t), &shelves{}, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	addr, _, _ := s.Addrs()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestReflection(t *testing.T) {
	r := start(t)
	stream, err := reflectionpb.NewServerReflectionClient(r.conn()).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range resp.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if !strings.Contains(strings.Join(names, " "), "orderflow.kit.test.v1.ShelfService") {
		t.Errorf("%q", names)
	}
}

// A stop lets running calls end, over REST and gRPC, and refuses new ones.
func TestStopFinishesRunningCalls(t *testing.T) {
	r := start(t)
	r.SetStarted()
	client, ctx := r.dial(r.bearer())
	rest, call := make(chan int, 1), make(chan error, 1)
	go func() {
		resp, _ := r.request(http.MethodPost, "/v1/shelves", behave("block"), "Content-Type", "application/json", "Authorization", r.bearer())
		rest <- resp.StatusCode
	}()
	go func() {
		_, err := client.CreateShelf(ctx, good("block"))
		call <- err
	}()
	<-r.service.entered
	<-r.service.entered

	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	eventually(t, "not ready", func() bool { code, _ := r.get("/health/ready"); return code == 503 })
	eventually(t, "no new REST calls", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.http, "http://"))
		if err != nil {
			return true
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		return false
	})
	eventually(t, "no new gRPC calls", func() bool {
		conn, err := net.Dial("tcp", r.grpc)
		if err != nil {
			return true
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		return false
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped while calls were running: %v", err)
	default:
	}
	close(r.service.release)
	if got := <-rest; got != http.StatusCreated {
		t.Errorf("REST: HTTP %d", got)
	}
	if err := <-call; err != nil {
		t.Errorf("gRPC: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("a clean stop returns nil, got %v", err)
	}
}

// Watches don't hold up a stop: they are told to come again.
func TestStopEndsWatches(t *testing.T) {
	r := start(t)
	client, ctx := r.dial(r.bearer())
	watch, err := client.WatchShelf(ctx, &testpb.GetShelfRequest{Id: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if header, err := watch.Header(); err != nil || len(header["x-request-id"]) != 1 {
		t.Errorf("%v %v", header, err)
	}
	req, err := http.NewRequest(http.MethodGet, r.http+"/v1/shelves/1:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", r.bearer())
	began, ended := make(chan struct{}), make(chan string, 1)
	go func() {
		resp, err := r.client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		first := make([]byte, 1)
		if _, err := resp.Body.Read(first); err != nil {
			t.Error(err)
		}
		close(began)
		rest, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		ended <- string(rest)
	}()
	<-began
	health, err := healthpb.NewHealthClient(r.conn()).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := health.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	_, err = watch.Recv()
	if reason, _ := detailsOf(status.Convert(err)); status.Code(err) != codes.Unavailable || reason != "STOPPING" {
		t.Error(err)
	}
	if rest := <-ended; !strings.Contains(rest, `"STOPPING"`) {
		t.Errorf("REST: %s", rest)
	}
}

func TestStopCutsCallsThatTakeTooLong(t *testing.T) {
	r := start(t, func(c *server.Config) { c.ShutdownTimeout = 50 * time.Millisecond })
	client, ctx := r.dial(r.bearer())
	call := make(chan error, 1)
	go func() {
		_, err := client.CreateShelf(ctx, good("deadline"))
		call <- err
	}()
	<-r.service.entered
	if err := r.stop(); err == nil || err.Error() != "gRPC calls still running after 50ms were cut" {
		t.Error(err)
	}
	if err := <-call; err == nil {
		t.Error("the call should have been cut")
	}
}

func TestRunEndsWhenAPortFails(t *testing.T) {
	r := start(t)
	r.get("/health/live") // it serves
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "use of closed network connection") {
		t.Errorf("%v", err)
	}
}
