package avro

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The test events have the shapes of the real ones, and the shapes that the real ones may grow.

const placedSchema = `{
  "type": "record", "name": "OrderPlaced", "namespace": "test.order.v1",
  "fields": [
    {"name": "order_id", "type": "string"},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
      {"name": "product_id", "type": "string"},
      {"name": "unit_price", "type": "long"},
      {"name": "quantity", "type": "int"}
    ]}}},
    {"name": "total", "type": "long"},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["UNKNOWN", "PENDING", "PAID"], "default": "UNKNOWN"}},
    {"name": "notes", "type": ["null", "string"], "default": null},
    {"name": "paid", "type": "boolean"},
    {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}}
  ]
}`

type item struct {
	ProductID string `avro:"product_id"`
	UnitPrice int64  `avro:"unit_price"`
	Quantity  int    `avro:"quantity"`
}

type placed struct {
	OrderID    string    `avro:"order_id"`
	Items      []item    `avro:"items"`
	Total      int64     `avro:"total"`
	Status     string    `avro:"status"`
	Notes      *string   `avro:"notes"`
	Paid       bool      `avro:"paid"`
	OccurredAt time.Time `avro:"occurred_at"`
}

func (*placed) RecordName() string { return "test.order.v1.OrderPlaced" }

// An enum within an array's records; the nested record has the name of OrderPlaced's, and other fields.
const sentSchema = `{
  "type": "record", "name": "NotificationSent", "namespace": "test.order.v1",
  "fields": [
    {"name": "deliveries", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
      {"name": "channel", "type": "string"},
      {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["UNKNOWN", "SENT", "FAILED"], "default": "UNKNOWN"}},
      {"name": "before", "type": ["null", "Status"], "default": null}
    ]}}}
  ]
}`

type delivery struct {
	Channel string  `avro:"channel"`
	Status  string  `avro:"status"`
	Before  *string `avro:"before"`
}

type sent struct {
	Deliveries []delivery `avro:"deliveries"`
}

func (*sent) RecordName() string { return "test.order.v1.NotificationSent" }

// Every type that no event uses so far.
const wideSchema = `{
  "type": "record", "name": "Widened", "namespace": "test.order.v1",
  "fields": [
    {"name": "raw", "type": "bytes"},
    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
    {"name": "labels", "type": {"type": "map", "values": "string"}},
    {"name": "ratio", "type": "double"},
    {"name": "share", "type": "float"},
    {"name": "matrix", "type": {"type": "array", "items": {"type": "array", "items": "int"}}}
  ]
}`

type widened struct {
	Raw    []byte            `avro:"raw"`
	Hash   [4]byte           `avro:"hash"`
	Labels map[string]string `avro:"labels"`
	Ratio  float64           `avro:"ratio"`
	Share  float32           `avro:"share"`
	Matrix [][]int           `avro:"matrix"`
}

func (*widened) RecordName() string { return "test.order.v1.Widened" }

type event interface{ RecordName() string }

var testTypes = []Type{
	{Name: "test.order.v1.OrderPlaced", Schema: placedSchema, New: func() any { return new(placed) }},
	{Name: "test.order.v1.NotificationSent", Schema: sentSchema, New: func() any { return new(sent) }},
	{Name: "test.order.v1.Widened", Schema: wideSchema, New: func() any { return new(widened) }},
}

// testEvents has one full event of every type.
func testEvents() []event {
	notes := "leave it at the door"
	failed := "FAILED"
	return []event{
		&placed{
			OrderID: "o1",
			Items:   []item{{ProductID: "p1", UnitPrice: 1500, Quantity: 2}, {ProductID: "p2", UnitPrice: -1, Quantity: 1000}},
			Total:   2000, Status: "PAID", Notes: &notes, Paid: true,
			OccurredAt: time.Date(2026, 10, 1, 12, 30, 15, 123456000, time.UTC),
		},
		&sent{Deliveries: []delivery{{Channel: "email", Status: "SENT"}, {Channel: "webhook", Status: "SENT", Before: &failed}}},
		&widened{
			Raw: []byte{1, 2, 3}, Hash: [4]byte{4, 5, 6, 7}, Labels: map[string]string{"a": "b"},
			Ratio: 0.5, Share: 0.25, Matrix: [][]int{{1, 2}, {}, {3}},
		},
	}
}

const topic = "order.events"

// newCodec gives a codec that registered every type's schema in a registry of the test's own.
func newCodec(t testing.TB, types ...Type) *Codec {
	t.Helper()
	return newCodecAt(t, newFakeRegistry(t).URL(), types...)
}

func newCodecAt(t testing.TB, url string, types ...Type) *Codec {
	t.Helper()
	if len(types) == 0 {
		types = testTypes
	}
	c, err := NewCodec(Config{RegistryURL: url, Register: true}, types)
	if err != nil {
		t.Fatal(err)
	}
	for _, eventType := range types {
		if err := c.Resolve(t.Context(), topic, eventType.Name); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func encode(t testing.TB, c *Codec, e event) []byte {
	t.Helper()
	value, err := c.Encode(topic, e)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

type fakeRegistry struct {
	*srfake.Registry
	requests atomic.Int64
	fault    atomic.Pointer[http.HandlerFunc] // answers instead of the registry while set
}

func newFakeRegistry(t testing.TB) *fakeRegistry {
	f := &fakeRegistry{Registry: srfake.New()}
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		f.requests.Add(1)
		fault := f.fault.Load()
		if fault != nil {
			(*fault)(w, r)
		}
		return fault != nil
	})
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) answer(fault http.HandlerFunc) { f.fault.Store(&fault) }
func (f *fakeRegistry) recover()                      { f.fault.Store(nil) }

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the client has gone: it sees for itself
	}
}

func newServer(t testing.TB, handler http.Handler) (url string) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
