package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"orderflow.example/dev/broker"
)

// The test binary is also the broker that TestKilledBrokerLosesNothing kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BROKER_TEST_CHILD_DIR"); dir != "" {
		runChild(dir, os.Getenv("BROKER_TEST_CHILD_ADDR"))
		return
	}
	os.Exit(m.Run())
}

var events = broker.Topic{Name: "order.events", Partitions: 3}

func start(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stop(t *testing.T, b *broker.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAndOffsetsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, broker.Config{DataDir: dir, Topics: []broker.Topic{events}})
	produce(t, b.Addr(), 0, 100)
	if got := consume(t, b.Addr(), 60); len(got) != 60 {
		t.Fatalf("consumed %d of 60", len(got))
	}
	stop(t, b)

	added := broker.Topic{Name: "product.events", Partitions: 1, Compacted: true}
	b = start(t, broker.Config{DataDir: dir, Topics: []broker.Topic{events, added}})
	defer stop(t, b)
	produce(t, b.Addr(), 100, 150)
	got := consume(t, b.Addr(), 90)
	for n := 100; n < 150; n++ {
		if !got[value(n)] {
			t.Fatalf("record %d is missing", n)
		}
	}
	if len(got) != 90 { // the 40 left and the 50 new
		t.Fatalf("consumed %d after the restart, want 90", len(got))
	}
	if policy := cleanupPolicy(t, b.Addr(), added.Name); policy != "compact" {
		t.Fatalf("cleanup.policy of %s is %q", added.Name, policy)
	}
}

func TestTopicsKeepTheirPartitions(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, broker.Config{DataDir: dir, Topics: []broker.Topic{events}}))
	_, err := broker.Start(t.Context(), broker.Config{DataDir: dir, Topics: []broker.Topic{{Name: events.Name, Partitions: 4}}})
	if err == nil || !strings.Contains(err.Error(), "order.events has 3 partitions, 4 are asked for") {
		t.Fatalf("error %v", err)
	}
	stop(t, start(t, broker.Config{DataDir: dir, Topics: []broker.Topic{events}}))
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, taken)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "meta.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  broker.Config
		want string
	}{
		"port in use":     {broker.Config{Addr: taken.Addr().String(), DataDir: t.TempDir()}, taken.Addr().String()},
		"not a directory": {broker.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":      {broker.Config{}, "DataDir"},
		"damaged state":   {broker.Config{DataDir: damaged}, "meta.json"},
		"bad topic":       {broker.Config{DataDir: t.TempDir(), Topics: []broker.Topic{{Name: "x"}}}, "topic x: 0 partitions"},
		"bad topic name":  {broker.Config{DataDir: t.TempDir(), Topics: []broker.Topic{{Name: "a b", Partitions: 1}}}, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := broker.Start(t.Context(), c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}

func value(n int) string { return fmt.Sprintf("record-%d", n) }

// produce sends records from..to-1 with an idempotent producer and waits for their acknowledgements.
func produce(t *testing.T, addr string, from, to int) {
	t.Helper()
	p := newProducer(t, addr)
	defer p.Close()
	for n := from; n < to; n++ {
		send(t, p, n)
	}
	for range to - from {
		delivered(t, p)
	}
}

func newProducer(t *testing.T, addr string) *kafka.Producer {
	t.Helper()
	p, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": addr, "enable.idempotence": true, "linger.ms": 1,
		"partitioner": "murmur2_random", "compression.type": "lz4", "message.timeout.ms": 0, "go.logs.channel.enable": false})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func send(t *testing.T, p *kafka.Producer, n int) {
	t.Helper()
	err := p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &events.Name, Partition: kafka.PartitionAny},
		Key: fmt.Appendf(nil, "key-%d", n%17), Value: []byte(value(n))}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// delivered waits for one acknowledgement and returns its record's value.
func delivered(t *testing.T, p *kafka.Producer) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case event := <-p.Events():
			switch e := event.(type) {
			case *kafka.Message:
				if e.TopicPartition.Error != nil {
					t.Fatal(e.TopicPartition.Error)
				}
				return string(e.Value)
			case kafka.Error:
				if e.IsFatal() {
					t.Fatal(e)
				}
			}
		case <-deadline:
			t.Fatal("no acknowledgement within 30 s")
		}
	}
}

// consume reads want records as a member of one group, commits them and leaves.
func consume(t *testing.T, addr string, want int) map[string]bool {
	t.Helper()
	c, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": addr, "group.id": "billing", "auto.offset.reset": "earliest",
		"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000, "enable.auto.commit": false, "enable.auto.offset.store": false})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := c.Subscribe(events.Name, nil); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	deadline := time.Now().Add(30 * time.Second)
	for len(got) < want {
		m, err := c.ReadMessage(100 * time.Millisecond)
		var kafkaErr kafka.Error
		switch {
		case err == nil:
			got[string(m.Value)] = true
			if _, err := c.StoreMessage(m); err != nil {
				t.Fatal(err)
			}
		case errors.As(err, &kafkaErr) && kafkaErr.IsTimeout():
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d records within 30 s", len(got), want)
			}
		default:
			t.Fatal(err)
		}
	}
	if _, err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	return got
}

func cleanupPolicy(t *testing.T, addr, topic string) string {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": addr})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	results, err := admin.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Config["cleanup.policy"].Value
}

// closeAtEnd closes what a test holds.
func closeAtEnd(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
