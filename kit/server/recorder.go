package server

import (
	"net/http"
	"strconv"
	"time"
)

// processTime is the header that tells how long it took until an answer began, in seconds.
const processTime = "X-Process-Time"

// recorder remembers what the log and the metrics need to know of an answer.
// It gives the client some time for each write rather than for the whole, which may be a stream.
type recorder struct {
	http.ResponseWriter
	began    time.Time
	patience time.Duration
	route    string
	status   int
	wrote    bool
	closed   bool // the answer is whole: what is still written is dropped
}

type recorderKey struct{}

// awaitBody bounds the time for a body, for an answer that does not wait for it leaves it to net/http to read the rest. Without a body nothing
// more is to come, and the server's limit would end a stream.
func (r *recorder) awaitBody(request *http.Request) {
	deadline := time.Time{}
	if hasBody(request) {
		deadline = r.began.Add(r.patience)
	}
	_ = http.NewResponseController(r.ResponseWriter).SetReadDeadline(deadline) // if it can't be set, the connection is gone
}

// begin is called before the headers go out.
func (r *recorder) begin() {
	if !r.wrote {
		r.wrote = true
		r.Header().Set(processTime, strconv.FormatFloat(time.Since(r.began).Seconds(), 'f', 6, 64))
	}
}

func (r *recorder) WriteHeader(status int) {
	if r.closed {
		return
	}
	if !r.wrote && status >= http.StatusOK { // what is below announces the answer
		r.begin()
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.closed {
		return len(b), nil
	}
	r.begin()
	r.extend(r.patience)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) extend(by time.Duration) {
	_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(time.Now().Add(by)) // if it can't be set, the connection is gone
}

// Flush is needed by the gateway's streams.
func (r *recorder) Flush() {
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		r.begin()
		f.Flush()
	}
}

// FlushError is Flush for who wants to know whether the client took it.
func (r *recorder) FlushError() error {
	r.begin()
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection, for deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
