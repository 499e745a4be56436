package kafka

import (
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Record is one message of a topic. A consumer fills all fields; a producer reads Topic, Key, Value, Headers and,
// when it is set, Timestamp. Topic is the name without the configured prefix.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string // empty: none; such records go to any partition
	Value     []byte // nil: a tombstone
	Headers   map[string]string
	Timestamp time.Time // milliseconds are kept
}

// message turns a record into what the client sends to topic.
func (r Record) message(topic *string) *ck.Message {
	m := &ck.Message{
		TopicPartition: ck.TopicPartition{Topic: topic, Partition: ck.PartitionAny},
		Value:          r.Value,
		Timestamp:      r.Timestamp,
		Headers:        make([]ck.Header, 0, len(r.Headers)),
	}
	if r.Key != "" {
		m.Key = []byte(r.Key)
	}
	for key, value := range r.Headers {
		m.Headers = append(m.Headers, ck.Header{Key: key, Value: []byte(value)})
	}
	return m
}

// recordOf is the reverse of message; topic is the name without prefix.
func recordOf(m *ck.Message, topic string) Record {
	r := Record{
		Topic:     topic,
		Partition: m.TopicPartition.Partition,
		Offset:    int64(m.TopicPartition.Offset),
		Key:       string(m.Key),
		Value:     m.Value,
		Headers:   make(map[string]string, len(m.Headers)),
		Timestamp: m.Timestamp.UTC(),
	}
	for _, header := range m.Headers {
		r.Headers[header.Key] = string(header.Value)
	}
	return r
}
