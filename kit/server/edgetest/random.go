package edgetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// API is what random requests are made from: where a service can be asked, and in which words.
type API struct {
	Routes []Route
	Fields []string
	Tokens []string // without Bearer
}

// Route is a method and a path with {parameters}.
type Route struct{ Method, Path string }

// ReadAPI takes routes and fields from an OpenAPI 3 document.
func ReadAPI(document []byte) (API, error) {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return API{}, err
	}
	var api API
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			api.Routes = append(api.Routes, Route{strings.ToUpper(method), path})
		}
	}
	fields := map[string]bool{}
	for _, definition := range doc.Components.Schemas {
		for name := range definition.Properties {
			fields[name] = true
		}
	}
	api.Fields = slices.Sorted(maps.Keys(fields))
	return api, nil
}

var (
	methods  = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "BREW", "GET\t", "P\x00ST", strings.Repeat("M", 3000)}
	segments = []string{
		"", "1", "p1", ".", "..", "%00", "%2e%2e", "%2F", "%ff", "%zz", "%", "✓", "%E2%9C%93", "a%0d%0aX-Injected:%201", "1:burn", ":", ":cancel", "-1", "'%20OR%201=1",
		"00000000-0000-0000-0000-000000000000", strings.Repeat("9", 40), strings.Repeat("x", 3000), "{id}", "*", "a?b#c",
	}
	values = []string{
		`null`, `true`, `0`, `-1`, `1.5`, `1e999`, `-0`, `9223372036854775808`, `99999999999999999999999999`, `""`, `"x"`, `"\u0000"`, `"\ud800"`, `"😀"`, `"'; DROP TABLE orders;--"`,
		`"9223372036854775807"`, `"NaN"`, `"2026-02-30T00:00:00Z"`, `"9999-12-31T23:59:59.999999999Z"`, `"0001-01-01T00:00:00Z"`, `"10000000000s"`, `{}`, `[]`, `[null]`, `[[[]]]`, `{"":""}`, `{"@type":"x"}`, `nul`, `tru`, `"\x"`, `01`, `+1`, `.5`, "\"\xff\"", `"a`, `KRW`, `"KRW"`,
	}
	queries = []string{"", "?", "??", "?a", "?=", "?a=%zz", "?;", "?&&&", "?a[b]=c", "?pageSize=1&pageSize=2", "?pageToken=AAAA", "?pageToken=%00", "?updateMask=,", "?updateMask=aB.c.", "?" + strings.Repeat("a=b&", 500)}
	headers = []string{
		"Content-Type: application/json", "Content-Type: text/plain", "Content-Type: ;", "Content-Type: application/json; charset=utf-16", "Content-Type: text/csv", "Content-Encoding: gzip",
		"X-Request-Id: a\r\nX-Injected: 1", "X-Request-Id: \x01", "X-Request-Id: " + strings.Repeat("r", 5000), "Idempotency-Key: " + strings.Repeat("k", 300), "Idempotency-Key: \xff", "Idempotency-Key: k", "Idempotency-Key:",
		"If-Match: *", `If-Match: "1"`, `If-Match: W/"x`, "If-Match: \xfe", "Last-Event-ID: -1", "Last-Event-ID: 99999999999999999999", "Last-Event-ID: \xff", "Traceparent: 00-x", "Grpc-Timeout: 1n", "Grpc-Metadata-X: 1",
		"Host: evil.example.com", "Host: ", "Host: a b", "Content-Length: 5", "Content-Length: -1", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Expect: 100-continue", "Expect: x", "Upgrade: websocket\r\nConnection: upgrade",
		"Range: bytes=0-1", "Accept: text/event-stream", "Accept: nothing/*;q=x", "X-Http-Method-Override: DELETE", "X-Forwarded-For: 1.2.3.4, \x00", "Cookie: " + strings.Repeat("c", 20000), "NoColon", ": x", "A b: c", "Origin: null", "Access-Control-Request-Method: POST",
	}
)

// Random makes a request that is near enough to a right one to get past the first check, most of the time.
func (api API) Random(r *rand.Rand) Request {
	route := Route{"GET", "/v1/nowhere"}
	if len(api.Routes) > 0 && r.IntN(20) > 0 {
		route = pick(r, api.Routes)
	}
	request := Request{Method: route.Method, Target: api.target(r, route.Path)}
	if r.IntN(10) == 0 {
		request.Method = pick(r, methods)
	}
	var lines []string
	if len(api.Tokens) > 0 && r.IntN(10) > 0 {
		lines = append(lines, "Authorization: Bearer "+pick(r, api.Tokens))
	} else if r.IntN(2) == 0 {
		lines = append(lines, "Authorization: "+pick(r, []string{"", "Bearer", "Bearer a.b.c", "Basic YTpi", "bearer \xff", "Bearer " + strings.Repeat("x", 9000)}))
	}
	for range r.IntN(3) {
		lines = append(lines, pick(r, headers))
	}
	request.Header = strings.Join(lines, "\r\n")
	if request.Method != http.MethodGet || r.IntN(10) == 0 {
		request.Body = api.body(r)
	}
	return request
}

func (api API) target(r *rand.Rand, path string) string {
	for strings.Contains(path, "{") {
		from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:from] + strings.NewReplacer("{", "", "}", "").Replace(pick(r, segments)) + path[to+1:]
	}
	switch r.IntN(12) {
	case 0:
		path += "/" + pick(r, segments)
	case 1:
		path += ":" + pick(r, segments)
	case 2:
		path = mutate(r, path)
	case 3:
		path = "http://other" + path
	}
	switch r.IntN(4) {
	case 0:
		path += pick(r, queries)
	case 1:
		path += "?" + pick(r, api.fields()) + "=" + url.QueryEscape(strings.Trim(pick(r, values), `"`))
	}
	return strings.NewReplacer(" ", "%20", "\r", "", "\n", "").Replace(path)
}

func (api API) fields() []string {
	return append([]string{"", "a", "a.b", "constructor"}, api.Fields...)
}

func (api API) body(r *rand.Rand) string {
	var body string
	switch r.IntN(8) {
	case 0:
		body = pick(r, values)
	case 1:
		body = strings.Repeat(pick(r, []string{"[", `{"a":`, `{"` + pick(r, api.fields()) + `":`, "[{"}), 1+r.IntN(20_000))
	default:
		body = api.object(r, 3)
	}
	if r.IntN(5) == 0 {
		body = mutate(r, body)
	}
	return body
}

func (api API) object(r *rand.Rand, depth int) string {
	var parts []string
	for range r.IntN(6) {
		value := pick(r, values)
		if depth > 0 && r.IntN(3) == 0 {
			value = api.object(r, depth-1)
			if r.IntN(2) == 0 {
				value = "[" + strings.TrimSuffix(strings.Repeat(value+",", 1+r.IntN(3)), ",") + "]"
			}
		}
		parts = append(parts, fmt.Sprintf("%q:%s", pick(r, api.fields()), value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// mutate changes a few bytes.
func mutate(r *rand.Rand, text string) string {
	changed := []byte(text)
	for range 1 + r.IntN(3) {
		if len(changed) == 0 {
			break
		}
		at := r.IntN(len(changed))
		switch r.IntN(3) {
		case 0:
			changed[at] = byte(r.IntN(256))
		case 1:
			changed = slices.Delete(changed, at, at+1)
		default:
			changed = slices.Insert(changed, at, pick(r, []byte(`"{}[]:,\%/ 0`)))
		}
	}
	return string(changed)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
