package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/dev/check"
	"orderflow.example/dev/platform"
	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	orderv1 "orderflow.example/proto/gen/orderflow/order/v1"
	"orderflow.example/schemas"
	events "orderflow.example/schemas/orderv1"
)

// consumersOfOrders are the groups that read order.events.
var consumersOfOrders = []string{"inventory", "payment", "notifier"}

var garbage = []byte(`{"this is": "no event"}`)

// An event that can't be decoded is parked and copied to the dead-letter topics of all its consumers. Its key waits
// behind it, all others go on; once it is discarded its key goes on, too.
func TestUndecodableEventIsParked(t *testing.T) {
	r := start(t, platform.Config{})
	r.sell("p1", 100, 50)
	dead := r.collect("inventory.dlq", "payment.dlq", "notifier.dlq")
	for name, spoil := range map[string]func([]byte) []byte{
		"no Avro":       func([]byte) []byte { return garbage },
		"cut short":     func(value []byte) []byte { return value[:len(value)-3] },
		"bytes behind":  func(value []byte) []byte { return append(value, 0, 0) },
		"only a header": func(value []byte) []byte { return value[:5] },
	} {
		t.Run(name, func(t *testing.T) { r.spoiledEvent(t, dead, spoil) })
	}
	r.mustHold()
}

func (r *rig) spoiledEvent(t *testing.T, dead *collected, spoil func([]byte) []byte) {
	id := r.place("u1", "", `[{"productId":"p1","quantity":1}]`)
	r.becomes(id, orderv1.OrderStatus_PAID)
	last := r.lastSequence(id)
	for _, group := range consumersOfOrders {
		r.eventually(group+" has taken all events", func() bool { return r.applied(group, id) == last })
	}
	bad := r.event(id, last+1, &events.OrderCancelled{
		OrderID: id, OrderNumber: "ORD", UserID: "u1", Total: 100, Currency: "KRW", PreviousStatus: events.OrderStatusPaid,
		Cause: events.CancellationCauseStaffRequest, Reason: "never said", OccurredAt: time.Now().UTC(),
	})
	bad.Value = spoil(bad.Value)
	r.produce(bad, r.event(id, last+2, &events.OrderProcessing{OrderID: id, UserID: "u1", OccurredAt: time.Now().UTC()}))

	for _, group := range consumersOfOrders {
		r.eventually(group+" has parked both", func() bool {
			parked := r.parked(group)
			return len(parked) == 2 && parked[0].Sequence == last+1 && parked[0].Status == "dead" && parked[0].Reason == "undecodable" &&
				parked[1].Sequence == last+2 && parked[1].Status == "waiting" && parked[1].Reason == "behind"
		})
		copied := dead.wait(r, group+".dlq", func(record kafka.Record) bool { return record.Headers["ce_id"] == bad.Headers["ce_id"] })
		if copied.Key != id || !bytes.Equal(copied.Value, bad.Value) || copied.Headers["dlq_topic"] != schemas.OrderEvents ||
			copied.Headers["dlq_group"] != group || !strings.Contains(copied.Headers["dlq_reason"], "undecodable") {
			t.Errorf("%s.dlq holds %+v", group, copied)
		}
	}
	r.othersGoOn()
	r.mustReport("no message is parked")
	for _, group := range consumersOfOrders {
		r.discard(group, r.parked(group)[0].ID)
		r.eventually("the key goes on at "+group, func() bool { return r.applied(group, id) == last+2 && len(r.parked(group)) == 0 })
	}
}

// A record that is no CloudEvent has no place among the events of its key: it is parked beside them.
func TestRecordWithoutHeadersIsParked(t *testing.T) {
	r := start(t, platform.Config{})
	r.sell("p1", 100, 50)
	dead := r.collect("inventory.dlq", "payment.dlq", "notifier.dlq")
	id := r.place("u1", "", `[{"productId":"p1","quantity":1}]`)
	r.becomes(id, orderv1.OrderStatus_PAID)
	r.produce(kafka.Record{Topic: schemas.OrderEvents, Key: id, Value: garbage})

	for _, group := range consumersOfOrders {
		copied := dead.wait(r, group+".dlq", func(record kafka.Record) bool { return string(record.Value) == string(garbage) })
		if copied.Headers["dlq_topic"] != schemas.OrderEvents || !strings.Contains(copied.Headers["dlq_reason"], "envelope") {
			t.Errorf("%s.dlq holds %+v", group, copied)
		}
		if parked := r.parked(group); len(parked) != 1 || parked[0].Status != "dead" || parked[0].RecordKey != id || parked[0].Key == id {
			t.Errorf("%s has parked %+v", group, parked)
		}
	}
	// The order goes on, and every consumer with it.
	if _, err := r.orders.UpdateOrderStatus(r.as("s1", "staff"), &orderv1.UpdateOrderStatusRequest{OrderId: id, Status: orderv1.OrderStatus_PROCESSING}); err != nil {
		t.Fatal(err)
	}
	last := r.lastSequence(id)
	for _, group := range consumersOfOrders {
		r.eventually("the order's key goes on at "+group, func() bool { return r.applied(group, id) == last })
	}
	r.othersGoOn()
	for _, group := range consumersOfOrders {
		r.discard(group, r.parked(group)[0].ID)
	}
	r.mustHold()
}

// othersGoOn: more orders than there are partitions are paid.
func (r *rig) othersGoOn() {
	r.Helper()
	var ids []string
	for i := range 2 * platform.Partitions {
		ids = append(ids, r.place(fmt.Sprintf("other%d", i), "", `[{"productId":"p1","quantity":1}]`))
	}
	for _, id := range ids {
		r.becomes(id, orderv1.OrderStatus_PAID)
	}
}

// mustReport waits until the checks find what is wrong, and nothing else.
func (r *rig) mustReport(name string) {
	r.Helper()
	r.eventually("only this is broken: "+name, func() bool {
		results, err := check.All(r.Context(), r.Services)
		if err != nil {
			r.Fatal(err)
		}
		expected := 0
		for _, result := range results {
			if strings.HasSuffix(result.Name, name) {
				expected += len(result.Violations)
			}
		}
		return expected > 0 && expected == check.Violations(results)
	})
}

func (r *rig) lastSequence(id string) int64 {
	r.Helper()
	log, err := outbox.Log(r.Context(), r.Services["order"].DB, schemas.OrderEvents, id)
	if err != nil || len(log) == 0 {
		r.Fatalf("events of %s: %d, %v", id, len(log), err)
	}
	return log[len(log)-1].Sequence
}

// event is what the order service would send.
func (r *rig) event(id string, sequence int64, data outbox.Record) kafka.Record {
	r.Helper()
	payload, err := r.Services["order"].Codec.Encode(schemas.OrderEvents, data)
	if err != nil {
		r.Fatal(err)
	}
	return outbox.Row{
		EventID: outbox.NewID(), Topic: schemas.OrderEvents, Key: id, Sequence: sequence, Type: data.RecordName(), Source: "order", Payload: payload,
	}.Record()
}

func (r *rig) kafka() kafka.Config { return kafka.Config{Bootstrap: r.Addresses.Kafka} }

func (r *rig) produce(records ...kafka.Record) {
	r.Helper()
	producer, err := kafka.NewProducer(r.kafka(), "e2e", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	_, err = producer.Send(ctx, records)
	if err = errors.Join(err, producer.Close(ctx)); err != nil {
		r.Fatalf("produce: %v", err)
	}
}

func (r *rig) parked(group string) []inbox.Parked {
	r.Helper()
	parked, err := inbox.List(r.Context(), r.Services[group].DB, group, 100)
	if err != nil {
		r.Fatal(err)
	}
	return parked
}

func (r *rig) discard(group string, id int64) {
	r.Helper()
	err := r.Services[group].DB.InTx(r.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return inbox.Discard(ctx, tx, id) })
	if err != nil {
		r.Fatalf("discard message %d of %s: %v", id, group, err)
	}
}

// applied is the sequence of the last event of an order that a consumer has applied.
func (r *rig) applied(group, id string) int64 {
	r.Helper()
	var last int64
	err := r.Services[group].DB.QueryRowContext(r.Context(), `SELECT COALESCE(MAX(last_sequence), 0) FROM inbox WHERE consumer = $1 AND topic = $2 AND key = $3`,
		group, schemas.OrderEvents, id).Scan(&last)
	if err != nil {
		r.Fatal(err)
	}
	return last
}

// collected are the records that a consumer of the test's own has read.
type collected struct {
	mu      sync.Mutex
	records []kafka.Record
}

// collect reads topics until the test ends.
func (r *rig) collect(topics ...string) *collected {
	r.Helper()
	c := &collected{}
	consumer, err := kafka.NewConsumer(r.kafka(), kafka.ConsumerConfig{
		Group: "e2e-" + strconv.Itoa(len(topics)), Topics: topics, Log: slog.New(slog.DiscardHandler),
		Handle: func(_ context.Context, batch []kafka.Record) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.records = append(c.records, batch...)
			return nil
		},
	})
	if err != nil {
		r.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(r.Context()))
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	r.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			r.Errorf("consumer: %v", err)
		}
	})
	return c
}

// wait returns the first record of a topic that matches.
func (c *collected) wait(r *rig, topic string, match func(kafka.Record) bool) kafka.Record {
	r.Helper()
	var found kafka.Record
	r.eventually("the record is in "+topic, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.IndexFunc(c.records, func(record kafka.Record) bool { return record.Topic == topic && match(record) })
		if i >= 0 {
			found = c.records[i]
		}
		return i >= 0
	})
	return found
}
