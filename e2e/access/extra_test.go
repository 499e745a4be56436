package access

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func valueOfInt32(n int32) protoreflect.Value { return protoreflect.ValueOfInt32(n) }

func valueOfString(s string) protoreflect.Value { return protoreflect.ValueOfString(s) }

func nextPage(message string) string {
	var page struct{ NextPageToken string }
	if json.Unmarshal([]byte(message), &page) != nil {
		return "" // an error's text
	}
	return page.NextPageToken
}

// names are the ids that a request asks for.
func names(request proto.Message) (all []string) {
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, each := range v {
				walk(each)
			}
		case string:
			if len(v) > 5 {
				all = append(all, v)
			}
		}
	}
	var fields map[string]any
	if text, err := protojson.Marshal(request); err == nil && json.Unmarshal(text, &fields) == nil {
		walk(fields)
	}
	return all
}

// An idempotency key is its caller's own: with another's, and another's very request, nobody gets the first answer.
func (w *world) testKeys(t *testing.T) {
	for _, r := range rpcs() {
		if r.short() != "OrderService.CreateOrder" {
			continue
		}
		request := w.requestFor(r, w.ada, true)
		for _, over := range w.transports {
			key := []string{"Idempotency-Key", "cart-over-" + over.name()}
			for _, c := range []cell{
				{rpc: r, over: over, who: "ada with a key", headers: append(bearer(w.token(ada)), key...), request: request, own: true},
				{rpc: r, over: over, who: "ada again", headers: append(bearer(w.token(ada)), key...), request: request, own: true, sees: "opal ring"},
				{rpc: r, over: over, who: "bob with ada's key", headers: append(bearer(w.token(bob)), key...), request: request, want: codes.PermissionDenied},
			} {
				got, err := over.call(t.Context(), r, c.request, c.headers...)
				if err != nil {
					t.Fatal(err)
				}
				w.judge(t, c, got)
			}
		}
	}
}

// What is public shows nothing that anybody owns, and is not a back door to what is not.
func (w *world) testPublicPaths(t *testing.T) {
	rest := w.transports[1].(overREST)
	for service, base := range rest.base {
		for _, path := range publicPaths {
			got, err := rest.do(t.Context(), base, restRequest{verb: http.MethodGet, path: path})
			if err != nil || got.code != http.StatusOK {
				t.Errorf("%s %s: %v %d", service, path, err, got.code)
			}
			for _, secret := range w.secrets {
				if strings.Contains(got.text, secret) {
					t.Errorf("%s%s tells %q", service, path, secret)
				}
			}
		}
		for _, path := range []string{"/metrics", "/debug/pprof/", "/info", "/health"} { // the admin port's
			got, err := rest.do(t.Context(), base, restRequest{verb: http.MethodGet, path: path}, bearer(w.token(ada, roles...))...)
			if err != nil || got.code != http.StatusNotFound {
				t.Errorf("%s %s: %v %d", service, path, err, got.code)
			}
		}
	}
}
