package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

// watch opens a stream and returns once it is served.
func (r *rig) watch(ctx context.Context, subject, id string) (grpc.ServerStreamingClient[testpb.Shelf], error) {
	r.t.Helper()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+r.issuer.Token(subject))
	stream, err := testpb.NewShelfServiceClient(r.conn()).WatchShelf(ctx, &testpb.GetShelfRequest{Id: id})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = stream.Recv()
	return stream, err
}

func (r *rig) streamsOpen(want int) {
	r.t.Helper()
	eventually(r.t, strconv.Itoa(want)+" streams open", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, "\ngrpc_streams_open "+strconv.Itoa(want)+"\n")
	})
}

func TestStreamsOfACaller(t *testing.T) {
	r := start(t, func(c *server.Config) { c.MaxStreamsPerCaller = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, end := context.WithCancel(ctx)
	defer end()
	for _, ctx := range []context.Context{first, ctx} {
		if _, err := r.watch(ctx, "u1", "1"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.watch(ctx, "u1", "1")
	if reason, _ := detailsOf(status.Convert(err)); status.Code(err) != codes.ResourceExhausted || reason != "TOO_MANY_STREAMS" || retryOf(err) != 5*time.Second {
		t.Errorf("the third: %v", err)
	}
	resp, body := r.request(http.MethodGet, "/v1/shelves/1:watch", "", "Authorization", "Bearer "+r.issuer.Token("u1"))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "5" || parseError(t, body).reason() != "TOO_MANY_STREAMS" {
		t.Errorf("over REST: HTTP %d %s", resp.StatusCode, body)
	}
	if _, err := r.watch(ctx, "u2", "1"); err != nil {
		t.Errorf("another caller: %v", err)
	}
	// Whoever watches the health of the service is no caller of it.
	for range 3 {
		stream, err := healthpb.NewHealthClient(r.conn()).Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Error(err)
		}
	}
	r.streamsOpen(3)
	end()
	r.streamsOpen(2)
	if _, err := r.watch(ctx, "u1", "1"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// Behind a proxy of ours the callers without a token are told apart by what it says of them.
func TestStreamsBehindAProxy(t *testing.T) {
	r := start(t, func(c *server.Config) {
		c.MaxStreamsPerCaller, c.RateLimits.TrustedProxies = 1, []string{"127.0.0.1"}
	})
	reflect := func(from string) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", from)
		stream, err := reflectionpb.NewServerReflectionClient(r.conn()).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
	for _, from := range []string{"192.0.2.1", "192.0.2.2"} {
		if err := reflect(from); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	if err := reflect("198.51.100.9, 192.0.2.1"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the second of one caller: %v", err)
	}
}

func TestTimeOfAStream(t *testing.T) {
	r := start(t, func(c *server.Config) { c.MaxStreamTime = 500 * time.Millisecond })
	stream, err := r.watch(t.Context(), "u1", "1")
	if err != nil {
		t.Fatal(err)
	}
	over := func(what string, err error) {
		t.Helper()
		if reason, _ := detailsOf(status.Convert(err)); status.Code(err) != codes.Unavailable || reason != "STREAM_TIME_OVER" || retryOf(err) == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = stream.Recv()
	over("a watch", err)

	// A client that sends nothing.
	client, ctx := r.dial(r.bearer())
	importing, err := client.ImportShelves(ctx)
	if err != nil {
		t.Fatal(err)
	}
	over("an import", importing.RecvMsg(&testpb.Shelf{}))

	// A client that takes nothing: the service is rid of it all the same.
	if stream, err = r.watch(t.Context(), "u1", "flood"); err != nil {
		t.Fatal(err)
	}
	r.streamsOpen(0)
	for err == nil {
		_, err = stream.Recv()
	}
	over("a flood", err)

	// Over REST the last line tells.
	_, body := r.request(http.MethodGet, "/v1/shelves/1:watch", "", "Authorization", r.bearer())
	if !strings.Contains(body, `"id":"1"`) || !strings.Contains(body, "STREAM_TIME_OVER") {
		t.Errorf("over REST: %s", body)
	}
	for _, line := range r.log.lines(t, "call") {
		if line["level"] != "INFO" {
			t.Errorf("an end that is meant is logged as %v", line)
		}
	}
	// Health is watched for as long as one likes.
	health, err := healthpb.NewHealthClient(r.conn()).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := health.Recv(); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // twice the time of a stream
	r.SetStarted()
	if answer, err := health.Recv(); err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v %v", answer, err)
	}
}

func TestStreamsOfAConnection(t *testing.T) {
	r := start(t, func(c *server.Config) { c.MaxStreamsPerConnection = 2 })
	first, end := context.WithCancel(t.Context())
	defer end()
	for _, ctx := range []context.Context{first, t.Context()} {
		if _, err := r.watch(ctx, "u1", "1"); err != nil {
			t.Fatal(err)
		}
	}
	client, ctx := r.dial("")
	called := make(chan error, 1)
	go func() {
		_, err := client.GetShelf(ctx, &testpb.GetShelfRequest{Id: "1"})
		called <- err
	}()
	select {
	case err := <-called:
		t.Errorf("a third is served: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	// REST does not wait for the streams of others.
	if resp, _ := r.request(http.MethodGet, "/v1/shelves/1", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d", resp.StatusCode)
	}
	end()
	if err := <-called; err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("after one has ended: %v", err)
	}
}
