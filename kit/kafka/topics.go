package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Topic says how a missing topic is created.
type Topic struct {
	Name       string // without the configured prefix
	Partitions int
	Compacted  bool          // keep the last record of each key, for ever
	Retention  time.Duration // zero: the brokers' default
}

// topicPoll is how often EnsureTopics looks again, and how long a look may take.
const (
	topicPoll    = 100 * time.Millisecond
	topicTimeout = 2 * time.Second
)

// EnsureTopics creates the topics that are missing, leaves those that exist as they are, and returns when all have a
// leader for each partition. It waits for brokers that are away until ctx ends. A topic that the brokers refuse to
// create is an error at once.
func EnsureTopics(ctx context.Context, cfg Config, replication int, topics []Topic) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	conf := cfg.client("topics")
	conf["log_level"] = 0 // what matters is in the error returned
	admin, err := ck.NewAdminClient(&conf)
	if err != nil {
		return fmt.Errorf("kafka: topics: %w", err)
	}
	defer admin.Close()

	lastErr := errors.New("no look at the topics was answered")
	for {
		missing, err := missingTopics(admin, cfg.TopicPrefix, topics)
		if err == nil && len(missing) == 0 {
			return nil
		}
		if err == nil {
			err = createTopics(ctx, admin, cfg.TopicPrefix, replication, missing)
		}
		if refused, ok := errors.AsType[*topicRefused](err); ok {
			return refused
		}
		if err != nil {
			lastErr = err
		}
		select {
		case <-time.After(topicPoll):
		case <-ctx.Done():
			return fmt.Errorf("kafka: topics: %w (last: %w)", ctx.Err(), lastErr)
		}
	}
}

// missingTopics returns the topics that do not exist or have a partition without a leader.
func missingTopics(admin *ck.AdminClient, prefix string, topics []Topic) ([]Topic, error) {
	seen, err := admin.GetMetadata(nil, true, int(topicTimeout.Milliseconds()))
	if err != nil {
		return nil, err
	}
	var missing []Topic
	for _, topic := range topics {
		if !isLed(seen.Topics[prefix+topic.Name]) {
			missing = append(missing, topic)
		}
	}
	return missing, nil
}

func isLed(topic ck.TopicMetadata) bool {
	for _, partition := range topic.Partitions {
		if partition.Leader < 0 {
			return false
		}
	}
	return len(topic.Partitions) > 0
}

type topicRefused struct {
	topic string
	err   error
}

func (e *topicRefused) Error() string {
	return fmt.Sprintf("kafka: create topic %s: %v", e.topic, e.err)
}
func (e *topicRefused) Unwrap() error { return e.err }

func createTopics(ctx context.Context, admin *ck.AdminClient, prefix string, replication int, topics []Topic) error {
	specs := make([]ck.TopicSpecification, len(topics))
	for i, topic := range topics {
		specs[i] = ck.TopicSpecification{
			Topic: prefix + topic.Name, NumPartitions: topic.Partitions, ReplicationFactor: replication, Config: topic.config(),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*topicTimeout)
	defer cancel()
	results, err := admin.CreateTopics(ctx, specs)
	if err != nil {
		return err
	}
	for _, result := range results {
		switch result.Error.Code() {
		case ck.ErrNoError, ck.ErrTopicAlreadyExists:
		case ck.ErrTopicAuthorizationFailed, ck.ErrClusterAuthorizationFailed, ck.ErrPolicyViolation, ck.ErrInvalidConfig,
			ck.ErrInvalidPartitions, ck.ErrTopicException, ck.ErrInvalidArg:
			return &topicRefused{result.Topic, result.Error}
		default: // too few brokers for the replication among them: they may be starting
			err = result.Error
		}
	}
	return err
}

func (t Topic) config() map[string]string {
	config := map[string]string{"cleanup.policy": "delete"}
	if t.Compacted {
		config["cleanup.policy"] = "compact"
	}
	if t.Retention > 0 {
		config["retention.ms"] = strconv.FormatInt(t.Retention.Milliseconds(), 10)
	}
	return config
}
