package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/errs"
)

const (
	eventStreamType = "text/event-stream"
	// acceptedHeader tells a stream that was accepted, but has nothing to say yet, from one that is about to be refused:
	// both have headers.
	acceptedHeader = "x-stream-accepted"
)

// errGone is a client that has hung up.
var errGone = errors.New("the client has gone")

// AcceptStream tells the caller of a server stream at once that it was accepted, when its first message may be long in
// coming. ctx is the stream's.
func AcceptStream(ctx context.Context) error {
	return grpc.SendHeader(ctx, metadata.Pairs(acceptedHeader, "true"))
}

// EventStream is a Route's answer of server-sent events (WHATWG HTML, 9.2).
type EventStream struct {
	// Heartbeat is how long nothing is sent before a comment is, so that proxies keep the connection and dead clients
	// are noticed. 0: 15 s.
	Heartbeat time.Duration
	// Retry is what a client is told to wait before it connects again. 0: 2 s.
	Retry time.Duration
}

// Event is one server-sent event. ID and Type are one line each.
type Event struct {
	ID   string // what a client names in Last-Event-ID when it comes again
	Type string
	Data proto.Message // one line of proto3 JSON, as in other answers
}

// ServeEvents answers with the messages of a server stream, each at once. An error before the stream is accepted is
// returned, for an ordinary answer; a later one is sent as an event "error" whose data is the body of such an answer. A
// stream that ends without having been accepted has nothing to say any more: 204, at which a client does not come again.
// At the stop of the service the answer just ends, so that the client comes again.
//
// It waits for the client at most CLIENT_TIMEOUT at each write, and holds one message.
func ServeEvents[M any](w http.ResponseWriter, r *http.Request, s EventStream, call func(ctx context.Context) (grpc.ServerStreamingClient[M], error), event func(*M) Event) error {
	if !acceptsEvents(r.Header.Values("Accept")) {
		writeErrorAs(w, r, http.StatusNotAcceptable, errs.New(errs.InvalidArgument, "NOT_ACCEPTABLE", "the answer is of type %s, which the header Accept excludes", eventStreamType).
			With("content_type", eventStreamType))
		return nil
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stream, err := call(ctx)
	if err != nil {
		return err
	}
	accepted, events := make(chan struct{}), make(chan received)
	running.Go(func() {
		if header, err := stream.Header(); err == nil && len(header.Get(acceptedHeader)) > 0 {
			close(accepted)
		}
	})
	running.Go(func() {
		for {
			var next received
			message, err := stream.Recv()
			if next.err = err; err == nil {
				next.event = event(message)
			}
			select {
			case events <- next:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	s.Heartbeat, s.Retry = cmp.Or(s.Heartbeat, 15*time.Second), cmp.Or(s.Retry, 2*time.Second)
	err = (&eventWriter{EventStream: s, w: w, r: r}).pump(accepted, events)
	if errors.Is(err, errGone) { // nobody is left to tell
		return nil
	}
	return err
}

type received struct {
	event Event
	err   error // of the stream; io.EOF at its end
}

// eventWriter writes one answer.
type eventWriter struct {
	EventStream
	w     http.ResponseWriter
	r     *http.Request
	begun bool
}

// pump writes until the stream ends, the client has gone, or it takes nothing any more.
func (e *eventWriter) pump(accepted <-chan struct{}, events <-chan received) error {
	beat := time.NewTicker(e.Heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-e.r.Context().Done():
			return errGone
		case <-accepted:
			accepted = nil
			err = e.write(nil)
		case <-beat.C:
			if e.begun {
				err = e.write([]byte(":\n\n"))
			}
		case next := <-events:
			beat.Reset(e.Heartbeat)
			if next.err != nil {
				return e.end(next.err)
			}
			err = e.send(next.event)
		}
		if err != nil {
			return err
		}
	}
}

// end answers to the end of the stream.
func (e *eventWriter) end(err error) error {
	switch {
	case e.r.Context().Err() != nil:
		return errGone
	case errors.Is(err, io.EOF) && !e.begun:
		e.w.WriteHeader(http.StatusNoContent)
		return nil
	case errors.Is(err, io.EOF):
		return nil
	case !e.begun:
		return err
	}
	if !isRendered(err) {
		err = fromGateway(err)
	}
	shown := errs.From(err)
	if shown.Reason == errStopping.Reason {
		return nil
	}
	text, err := json.Marshal(errorBodyOf(shown, shown.HTTPStatus(), RequestID(e.r.Context())))
	if err != nil {
		return fmt.Errorf("render the end of a stream: %w", err)
	}
	return e.write(fmt.Appendf(nil, "event: error\ndata: %s\n\n", text))
}

func (e *eventWriter) send(event Event) error {
	data, err := newJSONCodec().Marshal(event.Data)
	if err != nil {
		return fmt.Errorf("event %s: %w", event.Type, err)
	}
	return e.write(fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", event.ID, event.Type, data))
}

// write sends at once. The time that the client gets for it begins here, and is over with it: what comes next may be
// long in coming.
func (e *eventWriter) write(text []byte) error {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", eventStreamType)
		e.w.Header().Set("Cache-Control", "no-store, no-transform") // a proxy that compresses holds back
		e.w.Header().Set("X-Accel-Buffering", "no")                 // nginx
		text = append(fmt.Appendf(nil, "retry: %d\n\n", e.Retry.Milliseconds()), text...)
	}
	conn := http.NewResponseController(e.w)
	_, err := e.w.Write(text)
	if err == nil {
		err = conn.Flush()
	}
	if err == nil {
		err = conn.SetWriteDeadline(time.Time{})
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the client reads no more: %w", err)
	case err != nil:
		return errGone
	}
	return nil
}

// acceptsEvents tells whether a header Accept lets an event stream pass. What names the type more closely counts.
func acceptsEvents(header []string) bool {
	if len(header) == 0 {
		return true
	}
	closest, ok := 0, false
	for entry := range strings.SplitSeq(strings.Join(header, ","), ",") {
		name, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		closeness := 1 + slices.Index([]string{"*/*", "text/*", eventStreamType}, name)
		if closeness <= closest {
			continue
		}
		weight, err := strconv.ParseFloat(params["q"], 64)
		closest, ok = closeness, err != nil || weight > 0
	}
	return ok
}
