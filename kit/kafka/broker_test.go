package kafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds whatever a test waits for.
const deadline = 30 * time.Second

// broker is where a test runs: the embedded one, or a real one.
type broker struct {
	Config
	cluster *kfake.Cluster // nil: a real broker
}

// eachBroker runs a test on the embedded broker, and on a real one if TEST_KAFKA_BOOTSTRAP names it. Tests with a broker
// run in parallel: they mostly wait.
func eachBroker(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	if servers := os.Getenv("TEST_KAFKA_BOOTSTRAP"); servers != "" {
		t.Run("real", func(t *testing.T) {
			t.Parallel()
			test(t, &broker{Config: Config{Bootstrap: servers, TopicPrefix: uniquePrefix()}})
		})
	}
}

func embedded(t *testing.T, opts ...kfake.Opt) *broker {
	t.Helper()
	t.Parallel()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &broker{Config: Config{Bootstrap: strings.Join(cluster.ListenAddrs(), ","), TopicPrefix: uniquePrefix()}, cluster: cluster}
}

var prefixes atomic.Int64

// uniquePrefix keeps the runs of tests on one real broker apart.
func uniquePrefix() string {
	return fmt.Sprintf("test-%d-%d-%d.", os.Getpid(), time.Now().Unix(), prefixes.Add(1))
}

// topic creates a topic. settings are the broker's, in pairs.
func (b *broker) topic(t *testing.T, name string, partitions int, settings ...string) {
	t.Helper()
	config := map[string]string{}
	for i := 0; i < len(settings); i += 2 {
		config[settings[i]] = settings[i+1]
	}
	admin := b.admin(t)
	defer admin.Close()
	results, err := admin.CreateTopics(t.Context(), []ck.TopicSpecification{
		{Topic: b.TopicPrefix + name, NumPartitions: partitions, ReplicationFactor: 1, Config: config}})
	if err != nil || results[0].Error.Code() != ck.ErrNoError {
		t.Fatal(err, results)
	}
	if err := EnsureTopics(t.Context(), b.Config, 1, []Topic{{Name: name, Partitions: partitions}}); err != nil {
		t.Fatal(err)
	}
}

func (b *broker) admin(t *testing.T) *ck.AdminClient {
	t.Helper()
	conf := b.client("test")
	conf["log_level"] = 0
	admin, err := ck.NewAdminClient(&conf)
	if err != nil {
		t.Fatal(err)
	}
	return admin
}

func (b *broker) producer(t *testing.T) *Producer {
	t.Helper()
	return b.countedProducer(t, nil)
}

func (b *broker) countedProducer(t *testing.T, metrics prometheus.Registerer) *Producer {
	t.Helper()
	p, err := NewProducer(b.Config, "test", testLog(t), metrics)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// send sends records that must all be taken.
func send(t *testing.T, p *Producer, records ...Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	acked, err := p.Send(ctx, records)
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range acked {
		if !ok {
			t.Fatalf("record %d is not acked, and there is no error", i)
		}
	}
}

// written reads all that a topic holds, by a client that has nothing in common with the code under test.
func (b *broker) written(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	admin := b.admin(t)
	defer admin.Close()
	name := b.TopicPrefix + topic
	meta, err := admin.GetMetadata(&name, false, 5000)
	if err != nil {
		t.Fatal(err)
	}
	specs := map[ck.TopicPartition]ck.OffsetSpec{}
	for _, p := range meta.Topics[name].Partitions {
		specs[ck.TopicPartition{Topic: &name, Partition: p.ID}] = ck.LatestOffsetSpec
	}
	ends, err := admin.ListOffsets(t.Context(), specs)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, end := range ends.ResultInfos {
		count += int(end.Offset)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap), kgo.ConsumeTopics(name))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// consume makes and runs a consumer.
func (b *broker) consume(t *testing.T, c ConsumerConfig) (consumer *Consumer, stop func()) {
	t.Helper()
	if c.Log == nil {
		c.Log = testLog(t)
	}
	consumer, err := NewConsumer(b.Config, c)
	if err != nil {
		t.Fatal(err)
	}
	return consumer, run(t, consumer)
}

// run runs a consumer until stop is called or the test ends. stop waits for Run.
func run(t *testing.T, consumer *Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("Run:", err)
			}
		case <-time.After(deadline):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// inbox collects what is handled.
type inbox struct {
	mu      sync.Mutex
	records []Record
	batches int
}

func (in *inbox) handle(_ context.Context, batch []Record) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.records = append(in.records, batch...)
	in.batches++
	return nil
}

func (in *inbox) all() []Record {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Record(nil), in.records...)
}

// distinct counts the records without repetitions.
func (in *inbox) distinct() int {
	seen := map[string]bool{}
	for _, r := range in.all() {
		seen[fmt.Sprint(r.Topic, r.Partition, r.Offset)] = true
	}
	return len(seen)
}

// eventually polls a condition until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", deadline, what)
		}
	}
}

// numbered makes count records over the given number of keys; header n is the number within the key, from 1.
func numbered(topic string, keys, from, count int) []Record {
	records := make([]Record, count)
	for i := range records {
		n := from + i
		records[i] = Record{
			Topic: topic, Key: "key-" + strconv.Itoa(n%keys), Value: []byte("value-" + strconv.Itoa(n)),
			Headers: map[string]string{"n": strconv.Itoa(n/keys + 1)},
		}
	}
	return records
}

// checkSequences fails if a key's numbers do not begin at 1 and go up by one. Repetitions are allowed.
func checkSequences(t *testing.T, records []Record) {
	t.Helper()
	last := map[string]int{}
	for _, r := range records {
		n, err := strconv.Atoi(r.Headers["n"])
		if err != nil {
			t.Fatal(err)
		}
		if n > last[r.Key]+1 {
			t.Fatalf("%s: %d comes after %d", r.Key, n, last[r.Key])
		}
		last[r.Key] = max(last[r.Key], n)
	}
}

// testLog logs to the test, and drops what comes after its end: clients may still be closing then.
func testLog(t *testing.T) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(w.end)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct {
	mu sync.Mutex
	t  *testing.T
}

func (w *testWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(string(bytes.TrimSpace(line)))
	}
	return len(line), nil
}

func (w *testWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}

// restartable is an embedded broker on a disk and a fixed port, which can go away and come back.
type restartable struct {
	*broker
	t    *testing.T
	port int
	dir  string
}

func newRestartable(t *testing.T) *restartable {
	t.Helper()
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &restartable{t: t, port: listener.Addr().(*net.TCPAddr).Port, dir: t.TempDir()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r.broker = &broker{Config: Config{Bootstrap: "127.0.0.1:" + strconv.Itoa(r.port), TopicPrefix: uniquePrefix()}}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *restartable) start() {
	r.t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(r.port), kfake.DataDir(r.dir))
	if err != nil {
		r.t.Fatal(err)
	}
	r.cluster = cluster
}

func (r *restartable) stop() {
	if r.cluster != nil {
		r.cluster.Close()
		r.cluster = nil
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
