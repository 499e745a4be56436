package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestSendWritesRecordsInOrderOfTheirKeys(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 3)
		p := b.producer(t)
		records := numbered("orders", 20, 0, 1000)
		at := time.Date(2026, 5, 4, 3, 2, 1, 123_000_000, time.UTC)
		records[0].Timestamp = at
		records[1].Value = nil
		send(t, p, records...)

		got := b.written(t, "orders")
		if len(got) != len(records) {
			t.Fatalf("%d records written, want %d", len(got), len(records))
		}
		checkWritten(t, got)
		for _, r := range got {
			if number(t, r) != 1 {
				continue
			}
			if string(r.Key) == "key-0" && (string(r.Value) != "value-0" || !r.Timestamp.Equal(at)) {
				t.Errorf("record 0 came as %q at %v", r.Value, r.Timestamp)
			}
			if string(r.Key) == "key-1" && r.Value != nil {
				t.Errorf("a tombstone came as %q", r.Value)
			}
		}
	})
}

func number(t *testing.T, r *kgo.Record) int {
	t.Helper()
	for _, h := range r.Headers {
		if h.Key == "n" {
			n, err := strconv.Atoi(string(h.Value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("a record without its number")
	return 0
}

// checkWritten fails if the topic's keys have gaps, or a number that comes before its predecessor.
func checkWritten(t *testing.T, written []*kgo.Record) {
	t.Helper()
	records := make([]Record, len(written))
	for i, r := range written {
		records[i] = Record{Key: string(r.Key), Headers: map[string]string{"n": strconv.Itoa(number(t, r))}}
	}
	checkSequences(t, records)
}

// checkHeldBack fails if of any key a record is acked after one that is not.
func checkHeldBack(t *testing.T, records []Record, acked []bool) {
	t.Helper()
	missing := map[string]int{}
	for i, r := range records {
		if first, ok := missing[r.Key]; ok && acked[i] {
			t.Fatalf("record %d of %s is acked, %d before it is not", i, r.Key, first)
		}
		if !acked[i] {
			missing[r.Key] = i
		}
	}
}

// incompressible returns bytes that stay as many under any compression.
func incompressible(size int) []byte {
	b := make([]byte, size)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

func TestSendNamesTheRefusedRecordAndHoldsBackItsKey(t *testing.T) {
	tests := []struct {
		name string
		size int
	}{
		{"by the broker", 20_000},
		{"by the client", 2_000_000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			eachBroker(t, func(t *testing.T, b *broker) {
				b.topic(t, "orders", 2, "max.message.bytes", "10000")
				p := b.producer(t)
				records := numbered("orders", 4, 0, 40)
				records[21].Value = incompressible(test.size)

				acked, err := p.Send(t.Context(), records)
				var failed *SendError
				if !errors.As(err, &failed) || !IsRefused(err) {
					t.Fatalf("error %v, want a refusal", err)
				}
				if failed.Index != 21 || failed.Topic != "orders" || failed.Key != records[21].Key {
					t.Fatalf("refused is record %d (%s %s), want 21", failed.Index, failed.Topic, failed.Key)
				}
				checkHeldBack(t, records, acked)
				for i := range 21 {
					if records[i].Key == records[21].Key && !acked[i] {
						t.Errorf("record %d before the refused one of its key is not acked", i)
					}
				}
				for _, r := range b.written(t, "orders") {
					if string(r.Key) == records[21].Key && number(t, r) > 6-1 {
						t.Errorf("number %d of the refused record's key was written", number(t, r))
					}
				}

				// Without that key the rest goes, by the same producer.
				var rest []Record
				for i, r := range records {
					if !acked[i] && r.Key != records[21].Key {
						rest = append(rest, r)
					}
				}
				send(t, p, rest...)
				checkWritten(t, b.written(t, "orders"))
			})
		})
	}
}

// A broker that refuses one batch refuses or takes the batches behind it as it pleases; the client must not let those
// overtake. The fault hits the n-th produce request, while others are in flight.
func TestSendKeepsOrderWhenOneOfManyBatchesIsRefused(t *testing.T) {
	for _, fails := range []int{1, 2, 3} {
		t.Run("batch "+strconv.Itoa(fails), func(t *testing.T) {
			b := embedded(t)
			b.topic(t, "orders", 2)
			p := b.producer(t)
			requests := 0
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.TopicPrefix + "orders", Err: kerr.MessageTooLarge, When: func(kmsg.Request) bool {
				requests++
				return requests == fails
			}})
			records := numbered("orders", 5, 0, 600)
			for i := range records {
				records[i].Value = incompressible(10_000) // several batches of a megabyte
			}
			// The fault is not the records': taken one by one they pass.
			send(t, p, records...)
			checkWritten(t, b.written(t, "orders"))
			if requests < fails {
				t.Fatalf("only %d requests, the fault did not happen", requests)
			}
		})
	}
}

func TestSendHoldsBackWhatFollowsAnyRefusal(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.MessageTooLarge, kerr.InvalidRecord, kerr.TopicAuthorizationFailed} {
		t.Run(fault.Message, func(t *testing.T) {
			b := embedded(t)
			b.topic(t, "orders", 1)
			p := b.producer(t)
			send(t, p, numbered("orders", 5, 0, 5)...)
			requests := 0
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.TopicPrefix + "orders", Err: fault, Count: -1, When: func(kmsg.Request) bool {
				requests++
				return requests >= 2
			}})
			records := numbered("orders", 5, 5, 600)
			for i := range records {
				records[i].Value = incompressible(10_000)
			}
			acked, err := p.Send(t.Context(), records)
			var failed *SendError
			if !errors.As(err, &failed) {
				t.Fatalf("error %v, want a SendError", err)
			}
			if want := fault != kerr.TopicAuthorizationFailed; IsRefused(err) != want {
				t.Errorf("IsRefused(%v) is %v", err, !want)
			}
			checkHeldBack(t, records, acked)
			checkWritten(t, b.written(t, "orders"))
		})
	}
}

// Between a refusal and Send's learning of it the client itself must hold back what follows.
func TestClientStopsAtARefusedBatch(t *testing.T) {
	b := embedded(t)
	b.topic(t, "orders", 1)
	p := b.producer(t)
	var requests atomic.Int64
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.TopicPrefix + "orders", Err: kerr.MessageTooLarge, When: func(kmsg.Request) bool {
		return requests.Add(1) == 2
	}})
	records := numbered("orders", 1, 0, 600)
	topic := b.TopicPrefix + "orders"
	reports := make(chan ck.Event, len(records))
	for i, r := range records {
		r.Value = incompressible(10_000)
		message := r.message(&topic)
		message.Opaque = i
		if err := p.client.Produce(message, reports); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a batch is refused", func() bool { return requests.Load() >= 2 })
	time.Sleep(500 * time.Millisecond) // in which nothing more must be written
	if err := p.client.Purge(ck.PurgeQueue | ck.PurgeInFlight); err != nil {
		t.Fatal(err)
	}
	acked := make([]bool, len(records))
	for range records {
		message := (<-reports).(*ck.Message)
		acked[message.Opaque.(int)] = message.TopicPartition.Error == nil
	}
	checkHeldBack(t, records, acked)
	checkWritten(t, b.written(t, "orders"))
}

func TestSendCountsWhatIsTaken(t *testing.T) {
	b := embedded(t)
	b.topic(t, "orders", 1, "max.message.bytes", "1000")
	registry := prometheus.NewRegistry()
	p := b.countedProducer(t, registry)
	send(t, p, numbered("orders", 1, 0, 3)...)
	if _, err := p.Send(t.Context(), []Record{{Topic: "orders", Value: incompressible(5000)}}); !IsRefused(err) {
		t.Fatalf("error %v, want a refusal", err)
	}
	if got := testutil.ToFloat64(p.metrics.produced.WithLabelValues("orders")); got != 3 {
		t.Errorf("%v records counted, want 3", got)
	}
	if got := testutil.ToFloat64(p.metrics.refused.WithLabelValues("orders", "true")); got != 1 {
		t.Errorf("%v refusals counted, want 1", got)
	}
}

func TestSendToATopicThatIsNotThereIsNoRefusal(t *testing.T) {
	b := embedded(t)
	p := b.producer(t)
	p.conf["topic.metadata.propagation.max.ms"] = 2000 // 30 s is long for a test
	p.discardClient()

	_, err := p.Send(t.Context(), []Record{{Topic: "late", Key: "k"}})
	var failed *SendError
	if !errors.As(err, &failed) || IsRefused(err) {
		t.Fatalf("error %v, want a SendError that is no refusal", err)
	}
	b.topic(t, "late", 1)
	send(t, p, Record{Topic: "late", Key: "k"})
}

func TestSendWaitsForABrokerThatIsAway(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 1)
	p := b.producer(t)
	send(t, p, numbered("orders", 1, 0, 10)...)
	b.stop()

	result := make(chan error, 1)
	go func() {
		_, err := p.Send(context.Background(), numbered("orders", 1, 10, 10))
		result <- err
	}()
	select {
	case err := <-result:
		t.Fatalf("Send came back without a broker: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	b.start()
	select {
	case err := <-result:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(deadline):
		t.Fatal("Send does not come back")
	}
	checkWritten(t, b.written(t, "orders"))
}

func TestSendEndsWithItsContext(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 1)
	p := b.producer(t)
	send(t, p, numbered("orders", 1, 0, 10)...)
	b.stop()

	records := numbered("orders", 1, 10, 10)
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		begun := time.Now()
		acked, err := p.Send(ctx, records)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v, want the context's", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("Send came back %v after its start", took)
		}
		if len(unacked(acked, len(acked))) != len(records) {
			t.Errorf("acked %v without a broker", acked)
		}
	}
	b.start()
	send(t, p, records...)
	checkWritten(t, b.written(t, "orders"))
}

func TestProducerRecoversFromAFatalError(t *testing.T) {
	b := embedded(t)
	b.topic(t, "orders", 1)
	p := b.producer(t)
	send(t, p, numbered("orders", 1, 0, 10)...)
	p.client.TestFatalError(47 /* INVALID_PRODUCER_EPOCH */, "for the test")
	send(t, p, numbered("orders", 1, 10, 10)...)
	checkWritten(t, b.written(t, "orders"))
}

func TestSendFollowsSendAndEndsWithClose(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 1)
	p, err := NewProducer(b.Config, "test", testLog(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.stop()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := p.Send(ctx, numbered("orders", 1, 0, 1))
		result <- err
	}()
	eventually(t, "the first Send holds the turn", func() bool { return len(p.turn) == 0 })

	short, cancelShort := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelShort()
	if _, err := p.Send(short, numbered("orders", 1, 0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second Send: error %v, want the context's", err)
	}
	if err := p.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close during a Send: error %v, want the context's", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the first Send: error %v, want the context's", err)
	}
	if err := p.Close(short); err != nil { // has ended, but there is nothing to wait for
		t.Error(err)
	}
	if _, err := p.Send(t.Context(), numbered("orders", 1, 0, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: error %v", err)
	}
}
