package server_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow.example/kit/server"
	"orderflow.example/kit/server/edgetest"
)

// patience is far above what any answer takes; streams end by their own limit before.
const patience = 20 * time.Second

func startEdge(t testing.TB) (addr string, api edgetest.API) {
	r := start(t, func(c *server.Config) {
		c.MaxStreamTime = 50 * time.Millisecond
		c.ClientTimeout = 100 * time.Millisecond // many a body is shorter than it says
	})
	return strings.TrimPrefix(r.http, "http://"), edgetest.API{
		Routes: []edgetest.Route{
			{Method: "POST", Path: "/v1/shelves"}, {Method: "GET", Path: "/v1/shelves"}, {Method: "GET", Path: "/v1/shelves/{id}"},
			{Method: "PUT", Path: "/v1/shelves/{id}"}, {Method: "PATCH", Path: "/v1/shelves/{shelf.id}"}, {Method: "GET", Path: "/v1/shelves/{id}:watch"}, {Method: "GET", Path: "/openapi.json"},
		},
		Fields: []string{
			"books", "bookTitle", "copies", "byName", "status", "builtAt", "built_at", "keepFor", "room", "cellar", "stamp", "shelf", "id", "length",
			"pageSize", "page_size", "filter", "filter.roomName", "updateMask",
		},
		Tokens: []string{r.issuer.Token("u1"), r.issuer.Token("u2", "staff")},
	}
}

// FuzzREST: whatever comes, the answer is whole, tells nothing internal and is no 500.
func FuzzREST(f *testing.F) {
	addr, api := startEdge(f)
	for _, seed := range []edgetest.Request{
		{Method: "GET", Target: "/v1/shelves/1"},
		{Method: "POST", Target: "/v1/shelves", Header: "Content-Type: application/json", Body: shelf},
		{Method: "POST", Target: "/v1/shelves", Body: strings.Repeat(`{"byName":{"a":`, 3000)},
		{Method: "POST", Target: "/v1/shelves", Body: `{"books":[{"copies":1e999}],"books":null}`},
		{Method: "POST", Target: "/v1/shelves", Body: `{"behaviour":"\ud800","builtAt":"9999-99-99","stamp":"*","keepFor":"1e99s"}`},
		{Method: "PATCH", Target: "/v1/shelves/1?updateMask=builtAt,..,a.b", Body: "{}"},
		{Method: "GET", Target: "/v1/shelves?pageSize=99999999999&filter.roomName=%ff", Header: "X-Request-Id: a\r\nX-Injected: 1"},
		{Method: "GET", Target: "/v1/shelves/1:watch?a[b]=c;d"},
		{Method: "BREW", Target: "*"},
		{Method: "CONNECT", Target: "a:1"},
		{Method: "GET", Target: "//v1//shelves/../%2e%2e/1"},
		{Method: "POST", Target: "/v1/shelves", Header: "Transfer-Encoding: chunked", Body: "5\r\n{\"a\":\r\nzz\r\n"},
		{Method: "POST", Target: "/v1/shelves", Header: "Content-Length: 100", Body: "{"},
	} {
		f.Add(seed.Method, seed.Target, seed.Header, seed.Body)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		seed := api.Random(random)
		f.Add(seed.Method, seed.Target, seed.Header, seed.Body)
	}
	f.Fuzz(func(t *testing.T, method, target, header, body string) {
		check(t, addr, edgetest.Request{Method: method, Target: target, Header: header, Body: body})
	})
}

func check(t *testing.T, addr string, request edgetest.Request) {
	t.Helper()
	text, err := edgetest.Send(addr, request, patience)
	for _, fault := range edgetest.Faults(request, text, err) {
		t.Errorf("%.500s\n%.500v\n%.500q", fault, request.String(), text)
	}
}

// The same with other requests each time; EDGE_SEED=N repeats those of a failure.
func TestRandomRequests(t *testing.T) {
	addr, api := startEdge(t)
	seed := rand.Uint64()
	if given := os.Getenv("EDGE_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EDGE_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		if check(t, addr, api.Random(random)); t.Failed() {
			return
		}
	}
}
