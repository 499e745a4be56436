package property

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// provider stands between the payment service and the simulated bank: it can lose answers and be away, and it sees
// what the service asks.
type provider struct {
	server *httptest.Server
	client *http.Client

	mu        sync.Mutex
	loseNext  int    // answers that will not arrive, though the call takes effect
	awayFor   int    // calls that will be answered 503, without effect
	failed    int    // calls that were refused or lost since the last count
	lookedUp  int    // look-ups that found an operation of which the answer had been lost
	meanwhile func() // happens once, after the next call has taken effect and before it is answered
}

func newProvider() *provider {
	p := &provider{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}}}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	return p
}

func (p *provider) close() {
	p.server.Close()
	p.client.CloseIdleConnections()
}

// trouble makes the next calls fail: some answers are lost, then some calls are refused.
func (p *provider) trouble(lose, away int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseNext, p.awayFor, p.meanwhile = lose, away, nil
}

// during has something happen while the next call that moves money is under way, after it took effect.
func (p *provider) during(what func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meanwhile = what
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	lose, away := r.Method == http.MethodPost && p.loseNext > 0, p.awayFor > 0
	switch {
	case lose:
		p.loseNext--
		p.failed++
	case away:
		p.awayFor--
		p.failed++
	}
	p.mu.Unlock()
	if away && !lose {
		http.Error(w, `{"error":{"code":"unavailable","message":"Away.","type":"api_error"}}`, http.StatusServiceUnavailable)
		return
	}
	code, body, err := p.forward(r)
	p.happen(r)
	if lose || err != nil {
		cut(w)
	}
	if r.Method == http.MethodGet && code == http.StatusOK && strings.HasPrefix(r.URL.Path, "/v1/operations/") {
		p.found()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) // a caller that has gone does not want it
}

func (p *provider) happen(r *http.Request) {
	p.mu.Lock()
	what := p.meanwhile
	if r.Method == http.MethodPost {
		p.meanwhile = nil
	}
	p.mu.Unlock()
	if what != nil && r.Method == http.MethodPost {
		what()
	}
}

func (p *provider) found() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookedUp++
}

// count tells how many calls have failed, and how many look-ups found something, since the last count.
func (p *provider) count() (failed, lookedUp int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed, lookedUp = p.failed, p.lookedUp
	p.failed, p.lookedUp = 0, 0
	return failed, lookedUp
}

func (p *provider) forward(r *http.Request) (code int, body []byte, err error) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, simulatorURL+r.URL.RequestURI(), bytes.NewReader(asked))
	if err != nil {
		return 0, nil, err
	}
	request.Header = r.Header.Clone()
	answer, err := p.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// cut ends the connection after a few bytes that are no answer: with none, Go's client repeats the call by itself.
func cut(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = buffered.WriteString("HTTP/") // whether they arrive does not matter
		_ = buffered.Flush()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// receiver takes webhooks, and counts how often each was accepted.
type receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	failNext int
	accepted map[string]int // by webhook-id, which is the delivery's
	refused  map[string]int
}

func newReceiver() *receiver {
	r := &receiver{}
	r.reset()
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

func (r *receiver) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failNext, r.accepted, r.refused = 0, map[string]int{}, map[string]int{}
}

func (r *receiver) trouble(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failNext = calls
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := request.Header.Get("webhook-id")
	if r.failNext > 0 {
		r.failNext--
		r.refused[id]++
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	r.accepted[id]++
}

// counts are how often each webhook was accepted, and which of them were refused before.
func (r *receiver) counts() (accepted, refused map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	accepted, refused = make(map[string]int, len(r.accepted)), make(map[string]int, len(r.refused))
	for id, n := range r.accepted {
		accepted[id] = n
	}
	for id, n := range r.refused {
		refused[id] = n
	}
	return accepted, refused
}
