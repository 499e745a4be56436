package platform

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"orderflow.example/dev/platform"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
)

// documented is an operation of a service's /openapi.json.
type documented struct {
	service, method, path string
	doc                   *openapi3.T
	item                  *openapi3.PathItem
	*openapi3.Operation
}

// reply is a REST answer as it came.
type reply struct {
	code    int
	header  http.Header
	content []byte
}

// Each request example is sent to the platform, and each answer held against the document: what people copy from there works, and comes to
// what they are told.
func TestExamplesOfTheDocumentsAreTrue(t *testing.T) {
	r := start(t, platform.Config{})
	operations := r.documents()
	values := map[string]string{} // of path parameters, for what the examples name is not there
	first := func(id string) map[string]any {
		for _, o := range operations {
			if o.OperationID == id {
				return r.tryExample(t, o, values)
			}
		}
		t.Fatalf("no document has %s", id)
		return nil
	}
	first("InventoryService_CreateProduct")
	r.waitForProduct("cup-blue", 12000)
	order := first("OrderService_CreateOrder")
	values["orderId"], values["orderNumber"] = text(order, "id"), text(order, "orderNumber")
	paid := r.becomes(values["orderId"], orderv1.OrderStatus_PAID)
	values["paymentId"] = paid.GetPaymentId()
	r.eventually("the customer is told", func() bool {
		list, _ := r.rest("notifier", "GET", "/v1/notifications?orderId="+values["orderId"], r.token("u123"), "").body["notifications"].([]any)
		if len(list) > 0 {
			values["notificationId"] = text(list[0].(map[string]any), "id")
		}
		return len(list) > 0
	})
	// Reads before changes, so that they read what is there.
	slices.SortStableFunc(operations, func(a, b documented) int { return strings.Compare(a.method, b.method) })
	for _, o := range operations {
		if strings.HasSuffix(o.OperationID, "_CreateProduct") {
			continue // a second one is refused
		}
		t.Run(o.OperationID, func(t *testing.T) { r.tryExample(t, o, values) })
	}
}

// What a caller who does something wrong gets is documented, too.
func TestErrorsAreAsDocumented(t *testing.T) {
	r := start(t, platform.Config{})
	for _, o := range r.documents() {
		t.Run(o.OperationID, func(t *testing.T) {
			if o.streams() {
				t.Skip("a stream's failures are events")
			}
			if len(o.doc.Security) > 0 && o.Security == nil {
				r.check(t, o, r.send(t, o, nil, "", ""), http.StatusUnauthorized)
			}
			if o.RequestBody != nil && o.RequestBody.Value.Content.Get("application/json") != nil {
				r.check(t, o, r.send(t, o, nil, r.everybody(), `{"items":`), http.StatusBadRequest)
			}
		})
	}
}

// documents reads what the services say of themselves. An answer is held to have the fields that are described and no other.
func (r *rig) documents() []documented {
	r.Helper()
	var all []documented
	for _, service := range platform.Services {
		response, err := http.Get("http://" + r.Addresses.ByService[service].REST + "/openapi.json")
		if err != nil {
			r.Fatal(err)
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			r.Fatalf("%s: %d, %v", service, response.StatusCode, err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(content)
		if err != nil {
			r.Fatalf("%s: %v", service, err)
		}
		if err := doc.Validate(r.Context()); err != nil { // examples against their schemas, too
			r.Fatalf("%s: %v", service, err)
		}
		for _, schema := range doc.Components.Schemas {
			if no := false; schema.Value.AdditionalProperties.Has == nil {
				schema.Value.AdditionalProperties.Has = &no
			}
		}
		for path, item := range doc.Paths.Map() {
			for method, operation := range item.Operations() {
				all = append(all, documented{service, method, path, doc, item, operation})
			}
		}
	}
	slices.SortFunc(all, func(a, b documented) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

func (r *rig) everybody() string {
	return r.token("u123", "staff", "catalogue", "auditor", "service")
}

// tryExample sends the example of an operation's request, twice with the same key where it takes one.
func (r *rig) tryExample(t *testing.T, o documented, values map[string]string) map[string]any {
	t.Helper()
	if o.streams() {
		t.Skip("answers for as long as it is listened to")
	}
	if o.Security != nil && len(*o.Security) == 0 {
		t.Skip("takes no token, but what another party has signed")
	}
	var body string
	if o.RequestBody != nil {
		for _, media := range o.RequestBody.Value.Content {
			body = example(t, media.Example)
		}
	}
	keyed := o.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
	key := map[string]string{}
	if keyed {
		key["Idempotency-Key"] = uuid.NewString()
	}
	answer := r.send(t, o, values, r.everybody(), body, key)
	decoded := r.check(t, o, answer, 0)
	if keyed && answer.code < 300 {
		if again := r.send(t, o, values, r.everybody(), body, key); again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the same request with the same key: %d %s", again.code, again.content)
		}
	}
	return decoded
}

func (o documented) streams() bool {
	for _, response := range o.Responses.Map() {
		if response.Value.Content.Get("text/event-stream") != nil {
			return true
		}
	}
	return false
}

func example(t *testing.T, value any) string {
	t.Helper()
	if plain, ok := value.(string); ok {
		return plain
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// send makes a request of an operation, with the examples of its path parameters unless values has others.
func (r *rig) send(t *testing.T, o documented, values map[string]string, token, body string, headers ...map[string]string) reply {
	t.Helper()
	path := o.path
	for _, p := range o.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			value, ok := values[p.Value.Name]
			if !ok {
				value = example(t, p.Value.Example)
			}
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", url.PathEscape(value))
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), o.method, "http://"+r.Addresses.ByService[o.service].REST+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if o.RequestBody != nil {
		for kind := range o.RequestBody.Value.Content {
			request.Header.Set("Content-Type", kind)
		}
	}
	for _, each := range headers {
		for name, value := range each {
			request.Header.Set(name, value)
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, content}
}

// check holds an answer against its description. want 0 is a success, or a refusal because of the state that the example meets.
func (r *rig) check(t *testing.T, o documented, got reply, want int) map[string]any {
	t.Helper()
	var body map[string]any
	if len(got.content) > 0 && strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(got.content, &body); err != nil {
			t.Fatalf("%d: %v", got.code, err)
		}
	}
	failure, _ := body["error"].(map[string]any)
	switch {
	case got.code == http.StatusNotImplemented:
		t.Skip("the service does not have it yet")
	case want == 0 && got.code >= 300 && failure["status"] != "FAILED_PRECONDITION", want != 0 && got.code != want:
		t.Fatalf("%s %s is answered %d: %s", o.method, o.path, got.code, got.content)
	}
	described := o.Responses.Status(got.code)
	if described == nil {
		t.Fatalf("%d is not documented", got.code)
	}
	for name := range described.Value.Headers {
		if got.header.Get(name) == "" && name != "Idempotent-Replayed" { // which only a repetition has
			t.Errorf("the answer %d has no %s", got.code, name)
		}
	}
	for _, name := range []string{"ETag", "Retry-After", "WWW-Authenticate"} {
		if got.header.Get(name) != "" && described.Value.Headers[name] == nil {
			t.Errorf("the answer %d has %s, which is not documented", got.code, name)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), o.method, "http://localhost"+o.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: request, Route: &routers.Route{Spec: o.doc, Path: o.path, PathItem: o.item, Method: o.method, Operation: o.Operation},
		},
		Status: got.code, Header: got.header, Body: io.NopCloser(bytes.NewReader(got.content)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: body == nil},
	})
	if err != nil {
		t.Errorf("the answer %s is not as documented: %v", got.content, err)
	}
	return body
}

func text(body map[string]any, name string) string {
	value, _ := body[name].(string)
	return value
}

func TestDocumentsAreOffInProduction(t *testing.T) {
	r := start(t, platform.Config{Variables: map[string]string{"ENVIRONMENT": "production"}})
	for _, service := range platform.Services {
		for _, path := range []string{"/docs", "/docs/events", "/docs/asyncapi.json", "/docs/swagger-ui.css", "/openapi.json"} {
			if a := r.rest(service, "GET", path, r.everybody(), ""); a.code != http.StatusNotFound {
				t.Errorf("%s of %s is answered %d", path, service, a.code)
			}
		}
	}
}
