package avro

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// placedV2 is placedSchema one release on, changed in each way that FULL_TRANSITIVE allows.
const placedV2Schema = `{
  "type": "record", "name": "OrderPlaced", "namespace": "test.order.v1",
  "fields": [
    {"name": "placed_by", "type": {"type": "record", "name": "Actor", "fields": [{"name": "name", "type": "string"}]}, "default": {"name": "customer"}},
    {"name": "order_id", "type": "string"},
    {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
      {"name": "discount", "type": "long", "default": 0},
      {"name": "product_id", "type": "string"},
      {"name": "unit_price", "type": "long"},
      {"name": "quantity", "type": "int"}
    ]}}},
    {"name": "total", "type": "long"},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["UNKNOWN", "PENDING", "HELD", "PAID"], "default": "UNKNOWN"}},
    {"name": "paid", "type": "boolean"},
    {"name": "gift", "type": "boolean", "default": true},
    {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["UNKNOWN", "WEB", "PHONE"], "default": "UNKNOWN"}, "default": "PHONE"},
    {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
    {"name": "coupon", "type": ["null", "string"], "default": null}
  ]
}`

type actor struct {
	Name string `avro:"name"`
}

type itemV2 struct {
	Discount  int64  `avro:"discount"`
	ProductID string `avro:"product_id"`
	UnitPrice int64  `avro:"unit_price"`
	Quantity  int    `avro:"quantity"`
}

type placedV2 struct {
	PlacedBy   actor     `avro:"placed_by"`
	OrderID    string    `avro:"order_id"`
	OccurredAt time.Time `avro:"occurred_at"`
	Items      []itemV2  `avro:"items"`
	Total      int64     `avro:"total"`
	Status     string    `avro:"status"`
	Paid       bool      `avro:"paid"`
	Gift       bool      `avro:"gift"`
	Channel    string    `avro:"channel"`
	Tags       []string  `avro:"tags"`
	Coupon     *string   `avro:"coupon"`
}

func (*placedV2) RecordName() string { return "test.order.v1.OrderPlaced" }

// oldAndNew are two releases of a service that share a registry, as in a canary.
func oldAndNew(t *testing.T) (older, newer *Codec) {
	url := newFakeRegistry(t).URL()
	older = newCodecAt(t, url, testTypes[0])
	newer = newCodecAt(t, url, placedV2Type)
	return older, newer
}

var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func TestNewerReleaseReadsOlderEvent(t *testing.T) {
	older, newer := oldAndNew(t)
	notes := "dropped by the newer release"
	value := encode(t, older, &placed{
		OrderID: "o1", Items: []item{{ProductID: "p1", UnitPrice: 5, Quantity: 2}, {ProductID: "p2", UnitPrice: 1, Quantity: 1}},
		Total: 11, Status: "PAID", Notes: &notes, Paid: true, OccurredAt: noon,
	})
	got, err := newer.Decode(t.Context(), topic, value)
	if err != nil {
		t.Fatal(err)
	}
	want := &placedV2{
		PlacedBy: actor{"customer"}, OrderID: "o1", OccurredAt: noon,
		Items: []itemV2{{ProductID: "p1", UnitPrice: 5, Quantity: 2}, {ProductID: "p2", UnitPrice: 1, Quantity: 1}},
		Total: 11, Status: "PAID", Paid: true, Gift: true, Channel: "PHONE", Tags: []string{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func newerEvent(status string) *placedV2 {
	coupon := "TEN"
	return &placedV2{
		PlacedBy: actor{"staff"}, OrderID: "o2", OccurredAt: noon, Items: []itemV2{{Discount: 3, ProductID: "p1", UnitPrice: 5, Quantity: 2}},
		Total: 7, Status: status, Gift: true, Channel: "WEB", Tags: []string{"a", "b"}, Coupon: &coupon,
	}
}

func TestOlderReleaseReadsNewerEvent(t *testing.T) {
	older, newer := oldAndNew(t)
	got, err := older.Decode(t.Context(), topic, encode(t, newer, newerEvent("PAID")))
	if err != nil {
		t.Fatal(err)
	}
	want := &placed{
		OrderID: "o2", Items: []item{{ProductID: "p1", UnitPrice: 5, Quantity: 2}}, Total: 7, Status: "PAID", OccurredAt: noon,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A newer symbol would come out as UNKNOWN. It is refused, so that the event is parked until the newer release takes it.
func TestOlderReleaseRefusesNewerSymbol(t *testing.T) {
	older, newer := oldAndNew(t)
	value := encode(t, newer, newerEvent("HELD"))
	if got, err := newer.Decode(t.Context(), topic, value); err != nil || got.(*placedV2).Status != "HELD" {
		t.Fatalf("the newer release reads %+v, %v", got, err)
	}
	_, err := older.Decode(t.Context(), topic, value)
	if err == nil || !strings.Contains(err.Error(), `symbol "HELD"`) || IsTransient(err) {
		t.Errorf("error %v, want a permanent one that names the symbol", err)
	}
}

func TestTruncationsOfAnotherReleasesEventAreRefused(t *testing.T) {
	older, newer := oldAndNew(t)
	value := encode(t, newer, newerEvent("PAID"))
	for n := range value {
		if got, err := older.Decode(t.Context(), topic, value[:n]); err == nil {
			t.Errorf("%d of %d bytes: %+v", n, len(value), got)
		}
	}
}

func TestSchemasThatCantBeReadAreRefusedForGood(t *testing.T) {
	for name, test := range map[string]struct{ schema, want string }{
		"not JSON":     {`{`, "can't be parsed"},
		"not a record": {`"string"`, "not a record"},
		"unknown type": {`{"type": "record", "name": "Other", "fields": []}`, "not a type that this service reads"},
		"field of ours lost": {`{"type": "record", "name": "OrderPlaced", "namespace": "test.order.v1", "fields": []}`,
			"can't be read by this version"},
		"contains itself": {`{"type": "record", "name": "OrderPlaced", "namespace": "test.order.v1", "fields": [
			{"name": "next", "type": ["null", "OrderPlaced"]}]}`, "contains itself"},
		"contains itself at once": {`{"type": "record", "name": "OrderPlaced", "namespace": "test.order.v1", "fields": [
			{"name": "next", "type": "OrderPlaced"}]}`, "contains itself"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newCodec(t).readAs(test.schema)
			if err == nil || !strings.Contains(err.Error(), test.want) || IsTransient(err) {
				t.Errorf("error %v, want a permanent one with %q", err, test.want)
			}
		})
	}
}
