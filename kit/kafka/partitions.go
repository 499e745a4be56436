package kafka

import (
	"context"
	"fmt"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Partitions counts the partitions of topics. It waits for brokers that are away, and for topics that do not exist
// yet, until ctx ends.
func Partitions(ctx context.Context, cfg Config, topics []string) (map[string]int, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conf := cfg.client("partitions")
	conf["log_level"] = 0 // what matters is in the error returned
	admin, err := ck.NewAdminClient(&conf)
	if err != nil {
		return nil, fmt.Errorf("kafka: partitions: %w", err)
	}
	defer admin.Close()

	for {
		counts, err := countPartitions(admin, cfg.TopicPrefix, topics)
		if err == nil {
			return counts, nil
		}
		select {
		case <-time.After(topicPoll):
		case <-ctx.Done():
			return nil, fmt.Errorf("kafka: partitions: %w (last: %w)", ctx.Err(), err)
		}
	}
}

func countPartitions(admin *ck.AdminClient, prefix string, topics []string) (map[string]int, error) {
	seen, err := admin.GetMetadata(nil, true, int(topicTimeout.Milliseconds()))
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(topics))
	for _, topic := range topics {
		n := len(seen.Topics[prefix+topic].Partitions)
		if n == 0 {
			return nil, fmt.Errorf("topic %s does not exist", prefix+topic)
		}
		counts[topic] = n
	}
	return counts, nil
}
