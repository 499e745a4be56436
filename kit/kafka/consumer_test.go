package kafka

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestConsumerHandlesAllInBatches(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 3)
		b.topic(t, "payments", 1)
		in := &inbox{}
		registry := prometheus.NewRegistry()
		consumer, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders", "payments"}, BatchSize: 50, Metrics: registry,
			Handle: func(ctx context.Context, batch []Record) error {
				if len(batch) == 0 || len(batch) > 50 {
					t.Errorf("a batch of %d records", len(batch))
				}
				return in.handle(ctx, batch)
			}})
		at := time.Date(2026, 5, 4, 3, 2, 1, 123_000_000, time.UTC)
		payment := Record{Topic: "payments", Key: "p", Value: []byte("v"), Headers: map[string]string{"n": "1", "empty": ""}, Timestamp: at}
		send(t, b.producer(t), append(numbered("orders", 10, 0, 500), payment)...)
		eventually(t, "501 records handled", func() bool { return len(in.all()) >= 501 })
		if !consumer.Ready() {
			t.Error("the consumer is not ready")
		}
		stop()
		if consumer.Ready() {
			t.Error("the consumer is ready after its end")
		}
		if in.batches > 200 {
			t.Errorf("%d batches for 501 records", in.batches)
		}
		checkSequences(t, in.all())
		i := slices.IndexFunc(in.all(), func(r Record) bool { return r.Topic == "payments" })
		got := in.all()[i]
		if got.Key != "p" || string(got.Value) != "v" || got.Partition != 0 || got.Offset != 0 || !got.Timestamp.Equal(at) || len(got.Headers) != 2 || got.Headers["n"] != "1" {
			t.Errorf("the payment came as %+v", got)
		}
		if got := testutil.ToFloat64(consumer.metrics.consumed.WithLabelValues("orders", "g")); got != 500 {
			t.Errorf("%v records counted, want 500", got)
		}
	})
}

func TestConsumerGoesOnAtTheCommittedOffset(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 3)
		p := b.producer(t)
		first := &inbox{}
		_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: first.handle})
		send(t, p, numbered("orders", 10, 0, 300)...)
		eventually(t, "300 records handled", func() bool { return len(first.all()) >= 300 })
		stop()

		send(t, p, numbered("orders", 10, 300, 300)...)
		second := &inbox{}
		_, stop = b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: second.handle})
		eventually(t, "300 more handled", func() bool { return len(second.all()) >= 300 })
		stop()
		if n := len(second.all()); n != 300 {
			t.Errorf("%d records after the restart, want 300", n)
		}
		checkSequences(t, append(first.all(), second.all()...))
	})
}

func TestConsumerHoldsABatchThatFails(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 2)
		in := &inbox{}
		var calls, failing atomic.Int64
		failing.Store(4)
		_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, BatchSize: 100,
			Handle: func(ctx context.Context, batch []Record) error {
				calls.Add(1)
				if failing.Add(-1) >= 0 {
					return errors.New("the database is away")
				}
				return in.handle(ctx, batch)
			}})
		p := b.producer(t)
		send(t, p, numbered("orders", 10, 0, 250)...)
		eventually(t, "two failed calls", func() bool { return calls.Load() >= 2 })
		send(t, p, numbered("orders", 10, 250, 250)...)
		eventually(t, "500 records handled", func() bool { return in.distinct() >= 500 })
		stop()
		if n := len(in.all()); n != 500 {
			t.Errorf("%d records handled, want 500", n)
		}
		checkSequences(t, in.all())
	})
}

// Held partitions are paused: what comes meanwhile stays with the brokers.
func TestConsumerDoesNotQueueUpWhileItHoldsABatch(t *testing.T) {
	b := embedded(t)
	b.topic(t, "orders", 2)
	p := b.producer(t)
	in := &inbox{}
	var m *member
	var calls atomic.Int64
	c, err := NewConsumer(b.Config, ConsumerConfig{Group: "g", Topics: []string{"orders"}, BatchSize: 10, Log: testLog(t),
		Handle: func(ctx context.Context, batch []Record) error {
			if queued := len(m.queue); queued > 10 { // the handler runs on the queue's goroutine
				t.Errorf("%d records are queued", queued)
			}
			if calls.Add(1) <= 3 {
				return errors.New("the database is away")
			}
			return in.handle(ctx, batch)
		}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = newMember(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := m.run(ctx)
		m.leave()
		done <- err
	}()
	send(t, p, numbered("orders", 10, 0, 1000)...)
	eventually(t, "1000 records handled", func() bool { return in.distinct() == 1000 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	checkSequences(t, in.all())
}

// A member that holds a failing batch stays in the group, gives up partitions when asked, and hands over what it holds.
func TestConsumerHandsOverABatchThatFails(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 4)
		in := &inbox{}
		var failing atomic.Bool
		failing.Store(true)
		var calls atomic.Int64
		first, _ := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: func(ctx context.Context, batch []Record) error {
			calls.Add(1)
			if failing.Load() {
				return errors.New("not yet")
			}
			return in.handle(ctx, batch)
		}})
		send(t, b.producer(t), numbered("orders", 40, 0, 400)...)
		eventually(t, "a failed call", func() bool { return calls.Load() >= 1 })

		b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle})
		eventually(t, "two partitions handed over and handled", func() bool {
			partitions := map[int32]bool{}
			for _, r := range in.all() {
				partitions[r.Partition] = true
			}
			return len(partitions) == 2
		})
		if !first.Ready() {
			t.Error("the failing member has been thrown out")
		}
		failing.Store(false)
		eventually(t, "400 records handled", func() bool { return in.distinct() == 400 })
		if n := len(in.all()); n != 400 {
			t.Errorf("%d records handled, want 400: what was handed over was handled here too", n)
		}
		checkSequences(t, in.all())
	})
}

// What was handled of a partition is committed when it goes to another member, without waiting for the next commit.
func TestConsumerCommitsWhatItHandsOver(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 4)
		p := b.producer(t)
		in := &inbox{}
		c, err := NewConsumer(b.Config, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		c.commitPause = time.Hour
		stop := run(t, c)
		send(t, p, numbered("orders", 40, 0, 40)...)
		eventually(t, "40 records handled", func() bool { return in.distinct() == 40 })
		send(t, p, numbered("orders", 40, 40, 400)...) // not committed: an hour has not gone by
		eventually(t, "440 records handled", func() bool { return in.distinct() == 440 })

		second, _ := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle})
		eventually(t, "the second has its share", func() bool { return second.Ready() })
		stop()
		send(t, p, numbered("orders", 40, 440, 40)...)
		eventually(t, "480 records handled", func() bool { return in.distinct() == 480 })
		if n := len(in.all()); n != 480 {
			t.Errorf("%d records handled, want 480", n)
		}
	})
}

func TestConsumerCommitsInTheEndThoughARebalanceRefuses(t *testing.T) {
	b := embedded(t)
	b.topic(t, "orders", 1)
	p := b.producer(t)
	in := &inbox{}
	c, err := NewConsumer(b.Config, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	c.commitPause = time.Hour
	stop := run(t, c)
	send(t, p, numbered("orders", 1, 0, 10)...)
	eventually(t, "10 records handled", func() bool { return in.distinct() == 10 })
	eventually(t, "the first commit", func() bool { return len(b.cluster.GroupInfo(b.TopicPrefix+"g").Commits) > 0 })
	send(t, p, numbered("orders", 1, 10, 10)...)
	eventually(t, "20 records handled", func() bool { return in.distinct() == 20 })
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: b.TopicPrefix + "g", Err: kerr.RebalanceInProgress, Count: 3})
	stop()
	if at := b.cluster.GroupInfo(b.TopicPrefix + "g").Commits[b.TopicPrefix+"orders"][0].Offset; at != 20 {
		t.Errorf("offset %d is committed, want 20", at)
	}
}

func TestConsumersShareWithoutLoss(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 6)
		p := b.producer(t)
		in := &inbox{}
		cfg := ConsumerConfig{Group: "g", Topics: []string{"orders"}, BatchSize: 20, Handle: in.handle}

		stopSending := make(chan struct{})
		var sent atomic.Int64
		var sending sync.WaitGroup
		sending.Go(func() {
			for {
				select {
				case <-stopSending:
					return
				default:
				}
				send(t, p, numbered("orders", 30, int(sent.Load()), 30)...)
				sent.Add(30)
			}
		})
		_, stopFirst := b.consume(t, cfg)
		eventually(t, "some handled by the first", func() bool { return len(in.all()) > 100 })
		second, stopSecond := b.consume(t, cfg)
		eventually(t, "the second has its share", second.Ready)
		n := len(in.all())
		eventually(t, "some handled by both", func() bool { return len(in.all()) > n+1000 })
		stopFirst()
		n = len(in.all())
		eventually(t, "some handled by the second", func() bool { return len(in.all()) > n+1000 })
		third, _ := b.consume(t, cfg)
		eventually(t, "the third has its share", third.Ready)
		close(stopSending)
		sending.Wait()
		eventually(t, "all handled", func() bool { return int64(in.distinct()) >= sent.Load() })
		stopSecond()
		checkSequences(t, in.all())
		t.Logf("%d of %d records came twice", len(in.all())-in.distinct(), sent.Load())
	})
}

func TestConsumerLeavesAtOnce(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "orders", 2)
		p := b.producer(t)
		in := &inbox{}
		cfg := ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle}
		first, stopFirst := b.consume(t, cfg)
		eventually(t, "the first has its share", first.Ready)
		second, _ := b.consume(t, cfg)
		eventually(t, "the second has its share", second.Ready)

		begun := time.Now()
		stopFirst()
		send(t, p, numbered("orders", 10, 0, 20)...)
		eventually(t, "all handled by the second", func() bool { return in.distinct() == 20 })
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("the second took over after %v; the session's time-out is 6 s", took)
		}
	})
}

func TestConsumerEndsWhileItsHandlerRuns(t *testing.T) {
	tests := []struct {
		name     string
		patient  bool // the handler finishes; otherwise it waits for its context to end
		atLeast  time.Duration
		repeated int
	}{
		{"that finishes", true, 0, 0},
		{"that does not", false, finishTime, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := embedded(t)
			b.topic(t, "orders", 1)
			entered, release := make(chan struct{}, 1), make(chan struct{})
			_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: func(ctx context.Context, _ []Record) error {
				entered <- struct{}{}
				if !test.patient {
					<-ctx.Done()
					return ctx.Err()
				}
				<-release
				return ctx.Err()
			}})
			send(t, b.producer(t), numbered("orders", 1, 0, 10)...)
			<-entered
			begun := time.Now()
			if test.patient {
				time.AfterFunc(200*time.Millisecond, func() { close(release) })
			}
			stop()
			if took := time.Since(begun); took < test.atLeast || took > test.atLeast+5*time.Second {
				t.Errorf("Run ended after %v", took)
			}
			in := &inbox{}
			send(t, b.producer(t), numbered("orders", 1, 10, 1)...)
			_, stop = b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle})
			eventually(t, "the rest handled", func() bool { return len(in.all()) >= test.repeated+1 })
			stop()
			if n := len(in.all()); n != test.repeated+1 {
				t.Errorf("%d records handled after the restart, want %d", n, test.repeated+1)
			}
		})
	}
}

func TestConsumerOutlivesItsBroker(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 2)
	p := b.producer(t)
	in := &inbox{}
	_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle})
	send(t, p, numbered("orders", 10, 0, 100)...)
	eventually(t, "100 records handled", func() bool { return in.distinct() == 100 })
	b.stop()
	b.start()
	send(t, p, numbered("orders", 10, 100, 100)...)
	eventually(t, "200 records handled", func() bool { return in.distinct() == 200 })
	stop()
	checkSequences(t, in.all())
}

// Partitions move between brokers, and one broker after the other is replaced.
func TestConsumerFollowsTheLeaders(t *testing.T) {
	b := embedded(t, kfake.NumBrokers(3))
	b.topic(t, "orders", 6)
	p := b.producer(t)
	in, seen := &inbox{}, &passes{}
	b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: in.handle, Passed: seen.passed})
	sent := 0
	for node := range int32(3) {
		b.cluster.ShufflePartitionLeaders()
		send(t, p, numbered("orders", 30, sent, 300)...)
		if err := b.cluster.RemoveNode(node); err != nil {
			t.Fatal(err)
		}
		send(t, p, numbered("orders", 30, sent+300, 300)...)
		if _, _, err := b.cluster.AddNode(node, 0); err != nil {
			t.Fatal(err)
		}
		sent += 600
	}
	now := time.Now()
	eventually(t, "all handled", func() bool { return in.distinct() == sent })
	eventually(t, "all partitions have passed", func() bool { return seen.after(now) == 6 })
	checkSequences(t, in.all())
}

func TestConsumerEndsWithoutItsBroker(t *testing.T) {
	b := newRestartable(t)
	b.topic(t, "orders", 2)
	entered, release := make(chan struct{}), make(chan struct{})
	_, stop := b.consume(t, ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: func(context.Context, []Record) error {
		entered <- struct{}{}
		<-release
		return nil
	}})
	send(t, b.producer(t), numbered("orders", 1, 0, 100)...)
	<-entered
	b.stop()
	close(release) // what is handled now can't be committed
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > leaveTime+5*time.Second {
		t.Errorf("Run ended after %v", took)
	}
	b.start() // lets go what still waits for an answer
	eventually(t, "the client is closed", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]

		if time.Since(begun) > 25*time.Second {
			t.Fatal(string(stacks))
		}
		return !bytes.Contains(stacks, []byte("(*member).leave"))
	})
}

func TestConsumerFindsATopicThatComesLater(t *testing.T) {
	b := embedded(t)
	in := &inbox{}
	consumer, err := NewConsumer(b.Config, ConsumerConfig{Group: "g", Topics: []string{"late"}, Handle: in.handle, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	consumer.conf["topic.metadata.refresh.interval.ms"] = 200 // 10 s is long for a test
	looks := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: b.TopicPrefix + "late", Observe: true, Count: -1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	eventually(t, "the consumer has looked for it in vain", func() bool { return looks.Hits() > 0 })
	b.topic(t, "late", 1)
	send(t, b.producer(t), numbered("late", 1, 0, 5)...)
	eventually(t, "5 records handled", func() bool { return in.distinct() == 5 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNewConsumerChecksItsSettings(t *testing.T) {
	good := ConsumerConfig{Group: "g", Topics: []string{"orders"}, Handle: (&inbox{}).handle, Log: quiet}
	for name, spoil := range map[string]func(*Config, *ConsumerConfig){
		"bootstrap": func(c *Config, _ *ConsumerConfig) { c.Bootstrap = "" },
		"group":     func(_ *Config, c *ConsumerConfig) { c.Group = "" },
		"topics":    func(_ *Config, c *ConsumerConfig) { c.Topics = nil },
		"handler":   func(_ *Config, c *ConsumerConfig) { c.Handle = nil },
		"log":       func(_ *Config, c *ConsumerConfig) { c.Log = nil },
	} {
		cfg, c := Config{Bootstrap: "localhost:1"}, good
		spoil(&cfg, &c)
		if _, err := NewConsumer(cfg, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBackoffGrowsAndStaysBounded(t *testing.T) {
	for attempt := 1; attempt < 100; attempt++ {
		limit := min(longBackoff, firstBackoff<<min(attempt-1, 20))
		if d := backoff(attempt); d < limit/2 || d > limit {
			t.Errorf("attempt %s: %v, want at most %v and half of that at least", strconv.Itoa(attempt), d, limit)
		}
	}
}
