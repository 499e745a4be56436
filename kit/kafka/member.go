package kafka

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	idlePoll      = 100 * time.Millisecond // how long the end of Run's context may go unseen
	firstBackoff  = 100 * time.Millisecond
	longBackoff   = 5 * time.Second
	finishTime    = 5 * time.Second // for a Handle under way when Run's context ends
	commitPause   = 200 * time.Millisecond
	leaveTime     = 6 * time.Second
	rebalanceTime = 2 * time.Second // a little more than the interval of the heartbeats
	revokeTime    = 3 * time.Second // for the commit of partitions that go to other members
)

// partition is one of a topic, whose name is the brokers', with prefix.
type partition struct {
	topic string
	id    int32
}

// delivered is a record that came, or the end of its partition.
type delivered struct {
	from   partition
	next   int64 // the partition's next offset after it
	end    bool
	record Record
}

// member is a consumer's life in its group. One goroutine polls, handles and rebalances: a rebalance is served in
// client.Poll, so never while Handle runs. Two more commit and watch the ends of the partitions; what they share with
// the first is in positions.
type member struct {
	*Consumer
	client    *ck.Consumer
	stopLogs  func()
	positions *positions
	commits   *commits

	background sync.WaitGroup
	queue      []delivered // polled and not handled yet, in order
	paused     bool        // a batch is held; all assigned partitions are paused
	leaving    bool        // nothing begins in the background any more
	fatal      error
}

func newMember(c *Consumer) (*member, error) {
	conf := make(ck.ConfigMap, len(c.conf)+2)
	for key, value := range c.conf {
		conf[key] = value
	}
	stopLogs := forwardLogs(conf, c.cfg.Log)
	client, err := ck.NewConsumer(&conf)
	if err != nil {
		stopLogs()
		return nil, fmt.Errorf("kafka: new consumer of group %s: %w", c.cfg.Group, err)
	}
	m := &member{Consumer: c, client: client, stopLogs: stopLogs, positions: newPositions()}
	m.commits = newCommits(client, m.positions, c.cfg.Log, c.commitPause)
	return m, nil
}

// run polls and handles until ctx ends.
func (m *member) run(ctx context.Context) error {
	topics := make([]string, len(m.cfg.Topics))
	for i, topic := range m.cfg.Topics {
		topics[i] = m.prefix + topic
	}
	if err := m.client.SubscribeTopics(topics, m.rebalance); err != nil {
		return fmt.Errorf("kafka: subscribe group %s: %w", m.cfg.Group, err)
	}
	background, cancel := context.WithCancel(ctx)
	defer cancel()
	m.background.Go(func() { m.commits.run(background) })
	m.background.Go(func() { m.watchEnds(background) })
	for ctx.Err() == nil && m.fatal == nil {
		m.collect(ctx)
		m.handle(ctx)
	}
	return m.fatal
}

// leave commits what was handled and leaves the group, so that others need not wait for the session to time out.
// librdkafka repeats a commit for ever while no broker answers, and waits for it when it is closed; leave does not: it
// lets that go on behind it, until a broker answers or the process ends.
func (m *member) leave() {
	m.ready.Store(false)
	m.leaving = true
	left := make(chan struct{})
	go func() {
		defer close(left)
		m.commitLast()
		if err := m.client.Close(); err != nil { // calls rebalance for the partitions that are assigned
			m.cfg.Log.Warn("kafka consumer could not be closed", "error", err)
		}
		m.stopLogs()
	}()
	select {
	case <-left:
	case <-time.After(leaveTime):
		m.cfg.Log.Warn("kafka brokers do not answer, the group is left without a word", "after", leaveTime.String())
	}
}

// commitLast commits what was handled. A rebalance refuses that until this member has taken part in it, which it does
// by polling, so both go on together for a while.
func (m *member) commitLast() {
	m.pause()
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		m.background.Wait()
		for until := time.Now().Add(rebalanceTime); !m.commits.flush(nil) && time.Now().Before(until); {
			time.Sleep(idlePoll)
		}
	}()
	for {
		select {
		case <-committed:
			return
		default:
			m.poll(idlePoll / 10)
		}
	}
}

// collect polls until a batch is full, or the linger after its first record has gone by, or nothing comes at all.
// It sleeps the linger instead of polling through it: each wake-up for a single record would cost more than the record.
func (m *member) collect(ctx context.Context) {
	if len(m.queue) == 0 && !m.poll(idlePoll) {
		return
	}
	m.drain()
	if len(m.queue) == 0 || len(m.queue) >= m.cfg.BatchSize {
		return
	}
	select {
	case <-time.After(m.cfg.Linger):
		m.drain()
	case <-ctx.Done():
	}
}

func (m *member) drain() {
	for len(m.queue) < m.cfg.BatchSize && m.poll(0) {
	}
}

// poll takes in one event, and tells whether there was one. It may call rebalance.
func (m *member) poll(timeout time.Duration) bool {
	switch event := m.client.Poll(int(timeout.Milliseconds())).(type) {
	case nil:
		return false
	case *ck.Message:
		m.accept(event)
	case ck.PartitionEOF:
		m.queue = append(m.queue, delivered{from: partitionOf(ck.TopicPartition(event)), next: int64(event.Offset), end: true})
	case ck.Error:
		logClientError(m.cfg.Log, m.client.String(), event)
		if event.IsFatal() {
			m.fatal = fmt.Errorf("kafka: consumer of group %s: %w", m.cfg.Group, event)
		}
	}
	return true
}

func (m *member) accept(message *ck.Message) {
	from := partitionOf(message.TopicPartition)
	if err := message.TopicPartition.Error; err != nil {
		m.cfg.Log.Warn("kafka partition reports an error", "topic", from.topic, "partition", from.id, "error", err)
		return
	}
	offset := int64(message.TopicPartition.Offset)
	m.positions.start(from, offset)
	m.queue = append(m.queue, delivered{from: from, next: offset + 1, record: recordOf(message, m.topicOf(from))})
}

func partitionOf(p ck.TopicPartition) partition { return partition{topic: *p.Topic, id: p.Partition} }

// topicOf returns the partition's topic without prefix.
func (c *Consumer) topicOf(p partition) string { return strings.TrimPrefix(p.topic, c.prefix) }
