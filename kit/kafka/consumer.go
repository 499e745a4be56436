package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
)

// Passed is called with an instant at once all that was in the partition at that instant has been handled, by this
// member or before it. The instant is of this process's clock.
type Passed func(topic string, partition int32, at time.Time)

// ConsumerConfig says what a Consumer reads and what it does with it.
type ConsumerConfig struct {
	Group     string        // without the configured prefix
	Topics    []string      // without the configured prefix
	BatchSize int           // records at most in a batch; 500 when zero
	Linger    time.Duration // wait for more after the first record of a batch; 5 ms when zero

	// Handle handles a batch; the records of a partition come in its order. After an error the batch is held: it comes
	// again, after a pause, until Handle returns nil or the partitions go to another member. When Run's context ends,
	// a call under way has finishTime left before its context ends too.
	Handle func(ctx context.Context, batch []Record) error

	// Passed, if not nil, is called from a goroutine of its own, for each assigned partition about twice a second
	// while the partition is worked off.
	Passed Passed

	Log     *slog.Logger
	Metrics prometheus.Registerer // may be nil
}

// Consumer is a member of a consumer group.
type Consumer struct {
	cfg     ConsumerConfig
	conf    ck.ConfigMap
	prefix  string
	metrics consumerMetrics
	ready   atomic.Bool

	commitPause time.Duration
}

// NewConsumer makes a consumer, which joins its group in Run.
func NewConsumer(cfg Config, c ConsumerConfig) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if c.Group == "" || len(c.Topics) == 0 || c.Handle == nil || c.Log == nil {
		return nil, errors.New("kafka: a consumer needs a group, topics, a handler and a log")
	}
	if c.BatchSize == 0 {
		c.BatchSize = 500
	}
	if c.Linger == 0 {
		c.Linger = 5 * time.Millisecond
	}
	c.Log = c.Log.With("group", c.Group)
	return &Consumer{
		cfg:     c,
		conf:    consumerConf(cfg, c.Group),
		prefix:  cfg.TopicPrefix,
		metrics: newConsumerMetrics(c.Metrics, c.Group),

		commitPause: commitPause,
	}, nil
}

func consumerConf(cfg Config, group string) ck.ConfigMap {
	conf := cfg.client(group)
	conf["group.id"] = cfg.TopicPrefix + group
	conf["partition.assignment.strategy"] = "cooperative-sticky"
	conf["session.timeout.ms"] = 6000
	conf["heartbeat.interval.ms"] = 1000 // also the longest that a member takes to learn of a rebalance
	conf["auto.offset.reset"] = "earliest"
	conf["enable.auto.commit"] = false
	conf["enable.auto.offset.store"] = false
	conf["enable.partition.eof"] = true // tells the position in a partition that has no records to give
	conf["fetch.min.bytes"] = 1
	conf["fetch.wait.max.ms"] = 250
	// Prefetch a few batches. At the limit librdkafka stops fetching for a while: by default a second.
	conf["queued.min.messages"] = 10_000
	conf["queued.max.messages.kbytes"] = 16_384
	conf["fetch.queue.backoff.ms"] = 10
	conf["topic.metadata.refresh.interval.ms"] = 10_000 // finds a topic that was created after the start
	return conf
}

// Ready tells whether the group has given this member its share of the partitions, which may be none.
func (c *Consumer) Ready() bool { return c.ready.Load() }

// Run consumes until ctx ends, then commits what was handled and leaves the group; if the brokers do not answer, it gives
// that up after leaveTime. It returns an error only if the client can't be made or fails for good. Run once.
func (c *Consumer) Run(ctx context.Context) error {
	m, err := newMember(c)
	if err != nil {
		return err
	}
	err = m.run(ctx)
	m.leave()
	return err
}
