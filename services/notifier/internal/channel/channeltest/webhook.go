package channeltest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Secret is a webhook's secret for tests.
const Secret = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5"

// Post is a call that a Receiver got.
type Post struct {
	Header http.Header
	Body   string
}

// Receiver is a webhook's endpoint that keeps what it gets.
type Receiver struct {
	URL string

	mu         sync.Mutex
	posts      []Post
	status     int
	retryAfter string
	entered    func()
}

// NewReceiver serves until the test ends.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{}
	server := httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Answer sets the status of the next answers, and their Retry-After where it is not empty. 0: 200.
func (r *Receiver) Answer(status int, retryAfter string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.retryAfter = status, retryAfter
}

// OnPost is called within each call, before its answer.
func (r *Receiver) OnPost(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entered = fn
}

// Posts are the calls so far.
func (r *Receiver) Posts() []Post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Post(nil), r.posts...)
}

// IDs are the webhook-ids of the calls so far.
func (r *Receiver) IDs() []string {
	var ids []string
	for _, p := range r.Posts() {
		ids = append(ids, p.Header.Get("webhook-id"))
	}
	return ids
}

func (r *Receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	if err == nil {
		r.posts = append(r.posts, Post{request.Header, string(body)})
	}
	status, retryAfter, entered := r.status, r.retryAfter, r.entered
	r.mu.Unlock()
	if entered != nil {
		entered()
	}
	w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	if status != 0 {
		w.WriteHeader(status)
	}
}
