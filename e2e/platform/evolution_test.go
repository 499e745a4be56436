package platform

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderflow.example/dev/platform"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	"orderflow.example/schemas/inventoryv1"
)

// newerProduct is ProductChanged as a later version of inventory may have it: one field more, an optional one less.
type newerProduct struct {
	ProductID  string    `avro:"product_id"`
	Sku        string    `avro:"sku"`
	Name       string    `avro:"name"`
	Price      int64     `avro:"price"`
	Currency   string    `avro:"currency"`
	Version    int64     `avro:"version"`
	Archived   bool      `avro:"archived"`
	Brand      string    `avro:"brand"`
	OccurredAt time.Time `avro:"occurred_at"`
}

func (*newerProduct) RecordName() string { return (*inventoryv1.ProductChanged)(nil).RecordName() }

const newerSchema = `{"type": "record", "name": "ProductChanged", "namespace": "orderflow.inventory.v1", "fields": [
	{"name": "product_id", "type": "string"},
	{"name": "sku", "type": "string"},
	{"name": "name", "type": "string"},
	{"name": "price", "type": "long"},
	{"name": "currency", "type": "string"},
	{"name": "version", "type": "long"},
	{"name": "archived", "type": "boolean", "default": false},
	{"name": "brand", "type": "string", "default": "no name"},
	{"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}}
]}`

// newer is the codec of a later version of inventory.
func (r *rig) newer(schema string) *avro.Codec {
	r.Helper()
	codec, err := avro.NewCodec(avro.Config{RegistryURL: r.Addresses.Registry, Register: true}, []avro.Type{{
		Name: (*newerProduct)(nil).RecordName(), Schema: schema, New: func() any { return new(newerProduct) },
	}})
	if err != nil {
		r.Fatal(err)
	}
	return codec
}

func (r *rig) resolve(codec *avro.Codec) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return codec.Resolve(ctx, schemas.ProductEvents, (*newerProduct)(nil).RecordName())
}

// In a canary, old and new versions read each other's events, through the registry and the broker.
func TestSchemaEvolution(t *testing.T) {
	r := start(t, platform.Config{})
	r.sell("old", 1000, 5)
	newer := r.newer(newerSchema)
	if err := r.resolve(newer); err != nil {
		t.Fatalf("the registry refuses the newer schema: %v", err)
	}

	t.Run("an older consumer reads the newer event", func(t *testing.T) {
		payload, err := newer.Encode(schemas.ProductEvents, &newerProduct{
			ProductID: "new", Sku: "N", Name: "Newer product", Price: 4321, Currency: "KRW", Version: 1, Brand: "ACME", OccurredAt: time.Now().UTC(),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.produce(outbox.Row{
			EventID: outbox.NewID(), Topic: schemas.ProductEvents, Key: "new", Sequence: 1, Type: (*newerProduct)(nil).RecordName(),
			Source: "inventory", Payload: payload, Time: time.Now(),
		}.Record())
		r.waitForProduct("new", 4321)
		o := r.order(r.place("u1", "", `[{"productId":"new","quantity":1}]`))
		if o.GetTotal() != 4321 || o.GetItems()[0].GetName() != "Newer product" {
			t.Errorf("the order service has understood %v", o.GetItems())
		}
		r.becomes(o.GetId(), orderv1.OrderStatus_CANCELLED) // this inventory has no such product
	})

	t.Run("a newer consumer reads the older event", func(t *testing.T) {
		record := r.collect(schemas.ProductEvents).wait(r, schemas.ProductEvents, func(record kafka.Record) bool { return record.Key == "old" })
		event, err := newer.Decode(t.Context(), record.Topic, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if product := event.(*newerProduct); product.Name != "Product old" || product.Price != 1000 || product.Brand != "no name" {
			t.Errorf("it reads %+v", product)
		}
	})

	t.Run("the registry refuses what would break others", func(t *testing.T) {
		breaking := strings.Replace(newerSchema, `, "default": "no name"`, "", 1)
		if err := r.resolve(r.newer(breaking)); err == nil || !strings.Contains(err.Error(), "ProductChanged") {
			t.Errorf("a new field without a default: %v", err)
		}
	})
	r.mustHold()
}
