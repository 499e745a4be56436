package server_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/server/internal/testpb"
)

const book = `{"bookTitle":"a","copies":1}`

// Bad input over REST: each case gets its HTTP status, its gRPC code by name, its reason, and the fields with the rules they break.
func TestBadInputOverREST(t *testing.T) {
	r := start(t)
	token := r.bearer("staff")
	const post, path = http.MethodPost, "/v1/shelves"
	tests := []struct {
		name         string
		method, path string
		body         string
		contentType  string
		http         int
		status       string
		reason       string
		fields       []string
	}{
		{"too small", post, path, `{"books":[{"bookTitle":"a","copies":0}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[0].copies INT32_GTE_LTE"}},
		{"too large", post, path, `{"books":[` + book + `,{"bookTitle":"a","copies":1001}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[1].copies INT32_GTE_LTE"}},
		{"two fields", post, path, `{"books":[{"bookTitle":"","copies":-1}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
			[]string{"books[0].bookTitle STRING_MIN_LEN", "books[0].copies INT32_GTE_LTE"}},
		{"too many items", post, path, `{"books":[` + strings.Repeat(book+",", 3) + book + `]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books REPEATED_MAX_ITEMS"}},
		{"in a map", post, path, `{"books":[` + book + `],"byName":{"x y":{"bookTitle":"a"}}}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{`byName["x y"].copies INT32_GTE_LTE`}},
		{"empty body", post, path, ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books REPEATED_MIN_ITEMS"}},
		{"blank body", post, path, " \n", "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books REPEATED_MIN_ITEMS"}},
		{"unknown field", post, path, `{"price":-5}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"price UNKNOWN_FIELD"}},
		{"unknown field within", post, path, "{\n \"books\": [" + book + ",\n{\"copies\":1, \"price\": 3}]}", "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[1].price UNKNOWN_FIELD"}},
		{"unknown field after a name with quotes", post, path, `{"byName":{"ä\"}{\\":{"price":1}}}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{`byName.ä"}{\.price UNKNOWN_FIELD`}},
		{"duplicate field", post, path, `{"behaviour":"a","behaviour":"b"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"behaviour DUPLICATE_FIELD"}},
		{"two of a oneof", post, path, `{"room":"a","cellar":"b"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"cellar ONEOF"}},
		{"text for a number", post, path, `{"books":[{"copies":"many"}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[0].copies TYPE"}},
		{"fraction for a number", post, path, `{"books":[{"copies":1.5}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[0].copies TYPE"}},
		{"huge number", post, path, `{"books":[{"copies":1e999}]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[0].copies TYPE"}},
		{"number for a text", post, path, `{"behaviour":5}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"behaviour TYPE"}},
		{"object for a list", post, path, `{"books":{}}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books TYPE"}},
		{"number for an object", post, path, `{"books":[7]}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"books[0] TYPE"}},
		{"unknown enum value", post, path, `{"status":"NOWHERE"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"status TYPE"}},
		{"bad time", post, path, `{"builtAt":"yesterday"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"builtAt TYPE"}},
		{"bad duration", post, path, `{"keepFor":"long"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"keepFor TYPE"}},
		{"bad base64", post, path, `{"stamp":"***"}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"stamp TYPE"}},
		{"list for the body", post, path, `[]`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{" TYPE"}},
		{"null for the body", post, path, `null`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{" TYPE"}},
		{"cut off", post, path, `{"books":[`, "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"no JSON", post, path, `books=1`, "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"comma too many", post, path, `{"behaviour":"",}`, "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"more than one value", post, path, `{} {}`, "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"bad UTF-8", post, path, "{\"behaviour\":\"\xff\"}", "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"half a surrogate", post, path, `{"behaviour":"\ud800"}`, "", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"deep nesting", post, path, strings.Repeat(`{"byName":`, 5000), "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"byName.byName.byName UNKNOWN_FIELD"}},
		{"body too large", post, path, `{"behaviour":"` + strings.Repeat("x", 1<<20) + `"}`, "", 413, "RESOURCE_EXHAUSTED", "BODY_TOO_LARGE", nil},
		{"form", post, path, `a=b`, "application/x-www-form-urlencoded", 400, "INVALID_ARGUMENT", "MALFORMED_JSON", nil},
		{"text", post, path, `{}`, "text/plain", 415, "INVALID_ARGUMENT", "UNSUPPORTED_CONTENT_TYPE", nil},
		{"other charset", post, path, `{}`, "application/json; charset=latin1", 415, "INVALID_ARGUMENT", "UNSUPPORTED_CONTENT_TYPE", nil},
		{"field of a body field", http.MethodPut, path + "/1", `{"price":1}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"price UNKNOWN_FIELD"}},
		{"bad path parameter", http.MethodPut, path + "/one", `{}`, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"id TYPE"}},
		{"path parameter that is no UTF-8", http.MethodGet, path + "/%ff", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"id TYPE"}},
		{"path parameter too long", http.MethodGet, path + "/" + strings.Repeat("x", 21), ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"id STRING_MAX_LEN"}},
		{"unknown query parameter", http.MethodGet, path + "?pageSise=3", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"pageSise UNKNOWN_FIELD"}},
		{"unknown nested query parameter", http.MethodGet, path + "?filter.color=red", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"filter.color UNKNOWN_FIELD"}},
		{"bad query parameter", http.MethodGet, path + "?filter.roomName=a&pageSize=ten", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"pageSize TYPE"}},
		{"query parameter twice", http.MethodGet, path + "?pageSize=1&pageSize=2", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"pageSize TYPE"}},
		{"query parameter under both names", http.MethodGet, path + "?pageSize=1&page_size=2", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{" DUPLICATE_FIELD"}},
		{"query parameter that is no UTF-8", http.MethodGet, path + "?filter.roomName=%ff", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"filter.roomName TYPE"}},
		{"query parameter against a rule", http.MethodGet, path + "?pageSize=101", ``, "", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", []string{"pageSize INT32_LTE"}},
		{"malformed query", http.MethodGet, path + "?a=%zz", ``, "", 400, "INVALID_ARGUMENT", "MALFORMED_PARAMETER", nil},
		{"unknown path", http.MethodGet, "/v1/nowhere", ``, "", 404, "NOT_FOUND", "ROUTE_NOT_FOUND", nil},
		{"unknown verb", post, path + "/1:burn", `{}`, "", 404, "NOT_FOUND", "ROUTE_NOT_FOUND", nil},
		{"wrong method of a verb", post, path + "/1:watch", `{}`, "", 405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED", nil},
		{"wrong method", http.MethodDelete, path, ``, "", 405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED", nil},
		{"unknown thing", http.MethodGet, path + "/none", ``, "", 404, "NOT_FOUND", "SHELF_NOT_FOUND", nil},
		{"bad move", post, path, `{"behaviour":"refuse","books":[` + book + `]}`, "", 400, "FAILED_PRECONDITION", "SHELF_FULL", nil},
		{"there already", post, path, `{"behaviour":"conflict","books":[` + book + `]}`, "", 409, "ALREADY_EXISTS", "SHELF_EXISTS", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			contentType := tt.contentType
			if contentType == "" {
				contentType = "application/json"
			}
			resp, body := r.request(tt.method, tt.path, tt.body, "Authorization", token, "Content-Type", contentType, "X-Request-Id", "req-1")
			e := parseError(t, body)
			if resp.StatusCode != tt.http || e.Error.Code != tt.http || e.Error.Status != tt.status || e.reason() != tt.reason {
				t.Errorf("HTTP %d, want %d %s %s, in %s", resp.StatusCode, tt.http, tt.status, tt.reason, body)
			}
			got := e.fields()
			slices.Sort(got)
			if !reflect.DeepEqual(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			if !strings.Contains(body, `"requestId":"req-1"`) {
				t.Errorf("no request id in %s", body)
			}
			if kind := resp.Header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("Content-Type %q", kind)
			}
			for _, internal := range []string{"proto:", "goroutine", "testpb", "grpc", "unexpected EOF", "strconv"} {
				if strings.Contains(body, internal) {
					t.Errorf("%q is nobody's business: %s", internal, body)
				}
			}
		})
	}
}

func TestMalformedJSONSaysWhere(t *testing.T) {
	r := start(t)
	_, body := r.request(http.MethodPost, "/v1/shelves", "{\n  \"behaviour\": oops\n}", "Content-Type", "application/json")
	e := parseError(t, body)
	if want := "line 2, column 16"; !strings.Contains(e.Error.Message, want) {
		t.Errorf("%q does not say %q", e.Error.Message, want)
	}
}

func TestWrongMethodTellsTheRightOnes(t *testing.T) {
	r := start(t)
	resp, _ := r.request(http.MethodDelete, "/v1/shelves", "")
	if got := resp.Header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %q", got)
	}
	resp, _ = r.request(http.MethodPost, "/v1/shelves/1:watch", "")
	if got := resp.Header.Get("Allow"); got != "GET" {
		t.Errorf("Allow: %q", got)
	}
}

func TestCompressedBodyIsRefused(t *testing.T) {
	r := start(t)
	for encoding, code := range map[string]int{"gzip": 415, "br": 415, "identity, gzip": 415, "identity": 201, "": 201} {
		resp, body := r.request(http.MethodPost, "/v1/shelves", shelf, "Authorization", r.bearer(), "Content-Encoding", encoding)
		if resp.StatusCode != code || code == 415 && (parseError(t, body).reason() != "UNSUPPORTED_CONTENT_ENCODING" || resp.Header.Get("Accept-Encoding") != "identity") {
			t.Errorf("%q: HTTP %d %s", encoding, resp.StatusCode, body)
		}
	}
}

// A body is cut off at the limit though its length was not told.
func TestBodyTooLargeInChunks(t *testing.T) {
	r := start(t)
	for _, method := range []string{http.MethodPost + " /v1/shelves", http.MethodPut + " /v1/shelves/1"} {
		verb, path, _ := strings.Cut(method, " ")
		req, err := http.NewRequest(verb, r.http+path, struct{ *strings.Reader }{strings.NewReader(`{"id":"` + strings.Repeat("x", 2<<20) + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, body := r.do(req)
		if resp.StatusCode != http.StatusRequestEntityTooLarge || parseError(t, body).reason() != "BODY_TOO_LARGE" {
			t.Errorf("%s: HTTP %d %s", method, resp.StatusCode, body)
		}
	}
}

// The same rules over gRPC.
func TestBadInputOverGRPC(t *testing.T) {
	r := start(t)
	client, ctx := r.dial(r.bearer())
	good := &testpb.Book{BookTitle: "a", Copies: 1}
	tests := []struct {
		name   string
		req    *testpb.CreateShelfRequest
		code   codes.Code
		reason string
		fields []string
	}{
		{"too small", &testpb.CreateShelfRequest{Books: []*testpb.Book{{BookTitle: "a"}}}, codes.InvalidArgument, "INVALID_ARGUMENT", []string{"books[0].copies INT32_GTE_LTE"}},
		{"too many items", &testpb.CreateShelfRequest{Books: []*testpb.Book{good, good, good, good}}, codes.InvalidArgument, "INVALID_ARGUMENT", []string{"books REPEATED_MAX_ITEMS"}},
		{"bad move", &testpb.CreateShelfRequest{Books: []*testpb.Book{good}, Behaviour: "refuse"}, codes.FailedPrecondition, "SHELF_FULL", nil},
		{"there already", &testpb.CreateShelfRequest{Books: []*testpb.Book{good}, Behaviour: "conflict"}, codes.AlreadyExists, "SHELF_EXISTS", nil},
		{"too large", &testpb.CreateShelfRequest{Behaviour: strings.Repeat("x", 1<<20)}, codes.ResourceExhausted, "BODY_TOO_LARGE", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := client.CreateShelf(ctx, tt.req)
			s := status.Convert(err)
			reason, fields := detailsOf(s)
			if s.Code() != tt.code || reason != tt.reason || !reflect.DeepEqual(fields, tt.fields) {
				t.Errorf("%v %s %q, want %v %s %q", s, reason, fields, tt.code, tt.reason, tt.fields)
			}
		})
	}
	t.Run("in a stream", func(t *testing.T) {
		stream, err := client.ImportShelves(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range []*testpb.CreateShelfRequest{{Books: []*testpb.Book{good}}, {}} {
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
		}
		_, err = stream.CloseAndRecv()
		if _, fields := detailsOf(status.Convert(err)); !reflect.DeepEqual(fields, []string{"books REPEATED_MIN_ITEMS"}) {
			t.Errorf("%v %q", err, fields)
		}
	})
}

func detailsOf(s *status.Status) (reason string, fields []string) {
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField()+" "+v.GetReason())
			}
		}
	}
	return reason, fields
}

// What the generated code would pass over without a word is refused: the call would not do what its caller wrote.
func TestParametersAndFieldsThatAreNotRead(t *testing.T) {
	r := start(t)
	for _, tt := range []struct {
		method, path, body, field string
	}{
		{http.MethodPost, "/v1/shelves?dryRun=true", behave("none"), "dryRun"},
		{http.MethodPost, "/v1/shelves?behaviour=none", behave("none"), "behaviour"},
		{http.MethodGet, "/v1/shelves/1?id=2", "", "id"},
		{http.MethodGet, "/v1/shelves/1?x=2", "", "x"},
		{http.MethodPut, "/v1/shelves/1?shelf.length=2", `{"length":"1"}`, "shelf.length"},
		{http.MethodPut, "/v1/shelves/1?id=2", `{"length":"1"}`, "id"},
		{http.MethodPost, "/v1/rooms/r1/shelves", `{"books":[` + book + `],"room":"r2"}`, "room"},
		{http.MethodPost, "/v1/rooms/%ff/shelves", `{"books":[` + book + `]}`, "room"},
	} {
		headers := []string{"Authorization", r.bearer()}
		if tt.body != "" {
			headers = append(headers, "Content-Type", "application/json")
		}
		resp, body := r.request(tt.method, tt.path, tt.body, headers...)
		if e := parseError(t, body); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, `"field":"`+tt.field+`"`) {
			t.Errorf("%s %s: HTTP %d %s %v", tt.method, tt.path, resp.StatusCode, body, e)
		}
	}
}
