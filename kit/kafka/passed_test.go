package kafka

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// passes keeps the latest instant that each partition has passed.
type passes struct {
	mu sync.Mutex
	at map[int32]time.Time
	n  int
}

func (p *passes) passed(_ string, partition int32, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[int32]time.Time{}
	}
	p.at[partition] = at
	p.n++
}

// after counts the partitions that have passed the instant.
func (p *passes) after(at time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, passed := range p.at {
		if passed.After(at) {
			n++
		}
	}
	return n
}

func TestPassedComesOnIdleAndEmptyPartitions(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 4) // keys for one partition: three stay empty
		p := b.producer(t)
		in, seen := &inbox{}, &passes{}
		_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Passed: seen.passed})
		send(t, p, numbered("orders", 1, 0, 10)...)
		for range 3 {
			now := time.Now()
			eventually(t, "all partitions have passed this instant", func() bool { return seen.after(now) == 4 })
			if took := time.Since(now); took > 3*time.Second {
				t.Errorf("an idle consumer passed an instant after %v", took)
			}
		}
		stop()

		// The same for a member that starts where all is handled already.
		seen = &passes{}
		now := time.Now()
		_, stop = b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Passed: seen.passed})
		eventually(t, "all partitions have passed after a restart", func() bool { return seen.after(now) == 4 })
		stop()
	})
}

func TestPassedComesOnAPartitionWhoseRecordsAreGone(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 1)
		send(t, b.producer(t), numbered("orders", 1, 0, 10)...)
		admin := b.admin(t)
		defer admin.Close()
		topic := b.TopicPrefix + "orders"
		if _, err := admin.DeleteRecords(t.Context(), []ck.TopicPartition{{Topic: &topic, Partition: 0, Offset: ck.OffsetEnd}}); err != nil {
			t.Fatal(err)
		}
		in, seen := &inbox{}, &passes{}
		now := time.Now()
		b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Passed: seen.passed})
		eventually(t, "the partition has passed", func() bool { return seen.after(now) == 1 })
		if n := len(in.all()); n != 0 {
			t.Errorf("%d records handled", n)
		}
	})
}

// Whatever was acknowledged before an instant must be handled before that instant is passed.
func TestPassedIsNeverEarly(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 1)
		p := b.producer(t)
		var mu sync.Mutex
		acked := map[int64]time.Time{} // by the number of the Send
		handled := map[int64]bool{}
		var early atomic.Int64
		check := func(at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			for n, when := range acked {
				if when.Before(at) && !handled[n] {
					early.Add(1)
				}
			}
		}
		var rounds atomic.Int64
		handle := func(_ context.Context, batch []Record) error {
			if rounds.Add(1)%3 == 0 {
				time.Sleep(700 * time.Millisecond) // longer than the period of the looks
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range batch {
				handled[r.Timestamp.UnixMilli()] = true
			}
			return nil
		}
		seen := &passes{}
		b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: handle,
			Passed: func(topic string, partition int32, at time.Time) {
				seen.passed(topic, partition, at)
				check(at)
			}})
		end := time.Now().Add(6 * time.Second)
		for n := int64(1); time.Now().Before(end); n++ {
			send(t, p, Record{Topic: "orders", Timestamp: time.UnixMilli(n)})
			mu.Lock()
			acked[n] = time.Now()
			mu.Unlock()
		}
		now := time.Now()
		eventually(t, "the partition has passed the end", func() bool { return seen.after(now) == 1 })
		if n := early.Load(); n > 0 {
			t.Errorf("%d records were acknowledged before an instant, and not handled when it was passed", n)
		}
		if seen.n < 6 {
			t.Errorf("Passed came only %d times", seen.n)
		}
	})
}

func TestPassedAndLagWhileABatchIsHeld(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 1)
		p := b.producer(t)
		in, seen := &inbox{}, &passes{}
		var failing atomic.Bool
		var calls atomic.Int64
		consumer, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Passed: seen.passed, Metrics: prometheus.NewRegistry(),
			Handle: func(ctx context.Context, batch []Record) error {
				calls.Add(1)
				if failing.Load() {
					return context.DeadlineExceeded
				}
				return in.handle(ctx, batch)
			}})
		lag := func() float64 { return testutil.ToFloat64(consumer.metrics.lag.WithLabelValues("orders", "0", "g")) }

		send(t, p, numbered("orders", 1, 0, 10)...)
		now := time.Now()
		eventually(t, "the partition has passed", func() bool { return seen.after(now) == 1 })

		failing.Store(true)
		send(t, p, numbered("orders", 1, 10, 1)...)
		held := time.Now()
		eventually(t, "the batch is held", func() bool { return calls.Load() >= 4 })
		eventually(t, "the lag shows it", func() bool { return lag() == 1 })
		if seen.after(held) != 0 {
			t.Error("the partition passed an instant after the held record was acknowledged")
		}
		send(t, p, numbered("orders", 1, 11, 5)...)
		eventually(t, "the lag shows what came while it is held", func() bool { return lag() == 6 })
		if seen.after(held) != 0 {
			t.Error("the partition passed an instant after the held batch was acknowledged")
		}

		failing.Store(false)
		eventually(t, "the partition has passed", func() bool { return seen.after(held) == 1 })
		if n := in.distinct(); n < 11 {
			t.Errorf("%d records handled when the hold was passed", n)
		}
		eventually(t, "no lag", func() bool { return lag() == 0 })
		stop()
		if n := testutil.CollectAndCount(consumer.metrics.lag); n != 0 {
			t.Errorf("%d partitions show a lag after the end", n)
		}
	})
}
