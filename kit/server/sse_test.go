package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/server"
	"orderflow.example/kit/server/internal/testpb"
)

type watchCall = func(*testpb.GetShelfRequest, grpc.ServerStreamingServer[testpb.Shelf]) error

// startEvents serves a method as server-sent events at /v1/shelves/{id}:events.
func startEvents(t *testing.T, s server.EventStream, watch watchCall, change ...func(*server.Config)) *rig {
	t.Helper()
	r := startOpts(t, func(cfg *server.Config) {
		for _, c := range change {
			c(cfg)
		}
	}, func(o *server.Options) {
		o.Routes = append(o.Routes, server.Route{
			Method: http.MethodGet, Path: "/v1/shelves/{id}:events",
			Serve: func(w http.ResponseWriter, r *http.Request, in server.RouteInput) error {
				req := &testpb.GetShelfRequest{}
				if err := server.ReadQuery(r, req); err != nil {
					return err
				}
				req.Id = in.Params["id"]
				return server.ServeEvents(w, r, s, func(ctx context.Context) (grpc.ServerStreamingClient[testpb.Shelf], error) {
					return testpb.NewShelfServiceClient(in.Conn).WatchShelf(ctx, req)
				}, func(shelf *testpb.Shelf) server.Event {
					return server.Event{ID: "after-" + shelf.GetId(), Type: "Shelf", Data: shelf}
				})
			},
		})
	})
	r.service.watch = watch
	return r
}

// open begins a stream and reads it line by line.
func (r *rig) open(ctx context.Context, headers ...string) (answer, *bufio.Reader) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.http+"/v1/shelves/1:events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", r.bearer())
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() }) // the test has read what it wants
	return answer{resp.StatusCode, resp.Header}, bufio.NewReader(resp.Body)
}

// part reads up to and with the next empty line.
func part(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	var text strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, then %v", text.String()+line, err)
		}
		if line == "\n" {
			return text.String()
		}
		text.WriteString(line)
	}
}

func TestEventsComeAtOnce(t *testing.T) {
	next := make(chan string)
	r := startEvents(t, server.EventStream{Heartbeat: 30 * time.Millisecond, Retry: 3 * time.Second}, func(_ *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
		if err := server.AcceptStream(stream.Context()); err != nil {
			return err
		}
		for id := range next {
			if err := stream.Send(&testpb.Shelf{Id: id}); err != nil {
				return err
			}
		}
		return nil
	})
	resp, lines := r.open(t.Context(), "Accept", "text/event-stream")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store, no-transform" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if got := part(t, lines); got != "retry: 3000\n" {
		t.Errorf("first %q", got)
	}
	if got := part(t, lines); got != ":\n" {
		t.Errorf("no heartbeat, but %q", got)
	}
	for _, id := range []string{"a", "two\nlines"} {
		next <- id
		got := part(t, lines)
		for got == ":\n" {
			got = part(t, lines)
		}
		id = strings.ReplaceAll(id, "\n", `\n`)
		if data := got[strings.LastIndex(got, "data: "):]; strings.Count(got, "data: ") != 1 || !strings.Contains(strings.ReplaceAll(data, " ", ""), `"id":"`+id+`"`) || !strings.Contains(data, `"status"`) {
			t.Errorf("data %q", got)
		}
		if id == "a" && !strings.HasPrefix(got, "id: after-a\nevent: Shelf\ndata: {") {
			t.Errorf("event %q", got)
		}
	}
	close(next)
	if rest, err := io.ReadAll(lines); err != nil || strings.Trim(string(rest), ":\n") != "" {
		t.Errorf("at the end %q %v", rest, err)
	}
}

// What is wrong before the first byte is an ordinary answer; a stream with nothing to say any more is one that clients
// do not ask for again.
func TestEventsThatDoNotBegin(t *testing.T) {
	r := startEvents(t, server.EventStream{}, func(req *testpb.GetShelfRequest, _ grpc.ServerStreamingServer[testpb.Shelf]) error {
		if req.GetId() == "none" {
			return errs.New(errs.NotFound, "SHELF_NOT_FOUND", "there is no shelf")
		}
		return nil
	})
	good := r.bearer()
	for _, tt := range []struct {
		name, path, token, accept string
		status                    int
		text                      string
	}{
		{"nothing to say", "/v1/shelves/1:events", good, "", 204, ""},
		{"bad token", "/v1/shelves/1:events", "Bearer x", "", 401, "TOKEN_INVALID"},
		{"not there", "/v1/shelves/none:events", good, "text/*", 404, "SHELF_NOT_FOUND"},
		{"wants JSON", "/v1/shelves/1:events", good, "application/json", 406, "NOT_ACCEPTABLE"},
		{"unknown parameter", "/v1/shelves/1:events?shelf=1", good, "", 400, "UNKNOWN_FIELD"},
		{"malformed query", "/v1/shelves/1:events?id=%zz", good, "", 400, "MALFORMED_PATH"},
	} {
		headers := []string{"Authorization", tt.token, "Accept", tt.accept}
		if tt.accept == "" {
			headers = headers[:2]
		}
		resp, text := r.request(http.MethodGet, tt.path, "", headers...)
		if resp.StatusCode != tt.status || !strings.Contains(text, tt.text) || (tt.text == "") != (text == "") {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, text)
		}
	}
	for _, method := range []string{http.MethodHead, http.MethodPost} {
		if resp, _ := r.request(method, "/v1/shelves/1:events", "", "Authorization", good); resp.StatusCode != http.StatusMethodNotAllowed || !strings.HasPrefix(resp.Header.Get("Allow"), "GET") {
			t.Errorf("%s: %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

// A failure in the middle is the last event.
func TestEventsThatBreakOff(t *testing.T) {
	r := startEvents(t, server.EventStream{}, func(_ *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
		if err := stream.Send(&testpb.Shelf{Id: "a"}); err != nil {
			return err
		}
		return fmt.Errorf("broken: %s", secret)
	})
	_, lines := r.open(t.Context())
	text, err := io.ReadAll(lines)
	_, last, found := strings.Cut(string(text), "\n\nevent: error\ndata: ")
	if err != nil || !found || strings.Contains(last, secret) || !strings.HasSuffix(last, "}\n\n") {
		t.Fatalf("%q %v", text, err)
	}
	if e := parseError(t, last); e.Error.Code != 500 || e.Error.Status != "INTERNAL" {
		t.Errorf("%+v", e)
	}
}

// At the stop the answer ends, whole, with nothing that a client would take for a failure.
func TestStopEndsEvents(t *testing.T) {
	r := startEvents(t, server.EventStream{}, func(_ *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
		if err := server.AcceptStream(stream.Context()); err != nil {
			return err
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	})
	_, lines := r.open(t.Context())
	part(t, lines)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

func TestClientOfEventsGoes(t *testing.T) {
	ended := make(chan error, 1)
	r := startEvents(t, server.EventStream{}, func(_ *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
		if err := server.AcceptStream(stream.Context()); err != nil {
			return err
		}
		<-stream.Context().Done()
		ended <- stream.Context().Err()
		return stream.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, lines := r.open(ctx)
	part(t, lines)
	cancel()
	<-ended
	eventually(t, "the request is logged", func() bool { return strings.Contains(r.log.String(), `"path":"/v1/shelves/1:events","status":200`) })
	if strings.Contains(r.log.String(), "an answer was cut") {
		t.Error("that a client has gone is no failure")
	}
}

// A client that does not read holds up itself alone, for CLIENT_TIMEOUT.
func TestClientOfEventsDoesNotRead(t *testing.T) {
	ended := make(chan struct{})
	r := startEvents(t, server.EventStream{}, func(req *testpb.GetShelfRequest, stream grpc.ServerStreamingServer[testpb.Shelf]) error {
		if req.GetId() == "1" {
			return stream.Send(&testpb.Shelf{Id: "read"})
		}
		defer close(ended)
		for {
			if err := stream.Send(&testpb.Shelf{Id: strings.Repeat("x", 100_000)}); err != nil {
				return err
			}
		}
	}, func(cfg *server.Config) { cfg.ClientTimeout = 500 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the server has cut it
	if _, err := fmt.Fprintf(conn, "GET /v1/shelves/full:events HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n", r.bearer()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	_, lines := r.open(t.Context())
	if text, err := io.ReadAll(lines); err != nil || !strings.Contains(string(text), "read") {
		t.Errorf("beside it: %q %v", text, err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the method still sends")
	}
	eventually(t, "it is logged", func() bool { return strings.Contains(r.log.String(), "the client reads no more") })
}
