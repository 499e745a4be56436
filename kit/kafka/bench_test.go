package kafka

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// BenchmarkProduceAndConsume sends and handles b.N records as four services in one process do: each produces to a topic
// of its own and consumes another's. It reports the CPU time of the whole process per record; the embedded broker's is
// part of it, a real broker's (TEST_KAFKA_BOOTSTRAP) is not.
func BenchmarkProduceAndConsume(b *testing.B) {
	for _, rate := range []int{0, 1000, 5000} { // records a second in all; 0: as many as possible
		for _, batch := range []int{10, 100} {
			b.Run(fmt.Sprintf("rate=%d/batch=%d", rate, batch), func(b *testing.B) { produceAndConsume(b, rate, batch) })
		}
	}
}

func produceAndConsume(b *testing.B, rate, batch int) {
	const services, partitions = 4, 3
	cfg := Config{Bootstrap: os.Getenv("TEST_KAFKA_BOOTSTRAP"), TopicPrefix: uniquePrefix()}
	if cfg.Bootstrap == "" {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			b.Fatal(err)
		}
		defer cluster.Close()
		cfg.Bootstrap = strings.Join(cluster.ListenAddrs(), ",")
	}
	var topics []Topic
	for i := range services {
		topics = append(topics, Topic{Name: "topic" + strconv.Itoa(i), Partitions: partitions})
	}
	if err := EnsureTopics(context.Background(), cfg, 1, topics); err != nil {
		b.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var handled, batches, waited atomic.Int64
	var producers []*Producer
	for i := range services {
		consumer, err := NewConsumer(cfg, ConsumerConfig{Group: "group" + strconv.Itoa(i), Topics: []string{topics[i].Name}, Log: quiet,
			Passed: func(string, int32, time.Time) {},
			Handle: func(_ context.Context, records []Record) error {
				now := time.Now()
				for _, r := range records {
					waited.Add(int64(now.Sub(r.Timestamp)))
				}
				handled.Add(int64(len(records)))
				batches.Add(1)
				return nil
			}})
		if err != nil {
			b.Fatal(err)
		}
		running.Go(func() {
			if err := consumer.Run(ctx); err != nil {
				b.Error(err)
			}
		})
		producer, err := NewProducer(cfg, "producer"+strconv.Itoa(i), quiet, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := producer.Close(context.Background()); err != nil {
				b.Error(err)
			}
		}()
		// A first record to each topic: connections and producer ids are made before the clock starts.
		if _, err := producer.Send(ctx, events(topics[i].Name, 1)); err != nil {
			b.Fatal(err)
		}
		producers = append(producers, producer)
	}
	for handled.Load() < services {
		time.Sleep(time.Millisecond)
	}

	cpu, warmUp := cpuTime(), handled.Load()
	waited.Store(0)
	batches.Store(0)
	b.ResetTimer()
	begun := time.Now()
	var sending sync.WaitGroup
	for i, producer := range producers {
		sending.Go(func() {
			for sent := 0; sent < b.N/services; sent += batch {
				if rate > 0 {
					time.Sleep(time.Until(begun.Add(time.Duration(sent) * time.Second * services / time.Duration(rate))))
				}
				if _, err := producer.Send(ctx, events(topics[i].Name, min(batch, b.N/services-sent))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	total := int64(b.N / services * services)
	for handled.Load()-warmUp < total {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	if total > 0 {
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(total), "cpu-µs/record")
		b.ReportMetric((cpuTime()-cpu).Seconds()/time.Since(begun).Seconds(), "cores")
		b.ReportMetric(float64(total)/float64(batches.Load()), "records/batch")
		b.ReportMetric(float64(waited.Load())/float64(total)/1e6, "ms-latency")
	}
}

// events are of the size that the platform's are.
func events(topic string, count int) []Record {
	value := make([]byte, 300)
	records := make([]Record, count)
	for i := range records {
		key := fmt.Sprintf("0198f3a2-7c11-7abc-8def-%012d", time.Now().Nanosecond()+i)
		records[i] = Record{Topic: topic, Key: key, Value: value, Timestamp: time.Now(), Headers: map[string]string{
			"ce_id": key, "ce_type": "orderflow.order.v1.OrderPlaced", "ce_source": "order", "ce_subject": key, "ce_time": "2026-05-04T03:02:01.123456Z",
			"ce_specversion": "1.0", "content-type": "application/avro", "ce_sequence": "1", "ce_correlationid": key, "ce_causationid": key,
			"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		}}
	}
	return records
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
