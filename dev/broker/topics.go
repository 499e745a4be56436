package broker

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicName is Kafka's rule; the embedded broker takes any.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// ensureTopics creates the topics that are missing and checks the partition counts of the others.
func ensureTopics(ctx context.Context, addr string, topics []Topic) error {
	if len(topics) == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err
	}
	defer client.Close()

	existing, err := partitionCounts(ctx, client, topics)
	if err != nil {
		return err
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 30_000
	for _, t := range topics {
		if !topicName.MatchString(t.Name) {
			return fmt.Errorf("topic %q: a name is 1 to 249 letters, digits, dots, underscores or hyphens", t.Name)
		}
		if t.Partitions < 1 {
			return fmt.Errorf("topic %s: %d partitions; there must be at least 1", t.Name, t.Partitions)
		}
		if have, ok := existing[t.Name]; !ok {
			create.Topics = append(create.Topics, creation(t))
		} else if have != t.Partitions {
			return fmt.Errorf("topic %s has %d partitions, %d are asked for: a topic's partitions never change", t.Name, have, t.Partitions)
		}
	}
	if len(create.Topics) == 0 {
		return nil
	}
	resp, err := create.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("creating topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

func creation(t Topic) kmsg.CreateTopicsRequestTopic {
	out := kmsg.NewCreateTopicsRequestTopic()
	out.Topic, out.NumPartitions, out.ReplicationFactor = t.Name, int32(t.Partitions), 1
	if t.Compacted {
		policy := kmsg.NewCreateTopicsRequestTopicConfig()
		policy.Name, policy.Value = "cleanup.policy", kmsg.StringPtr("compact")
		out.Configs = append(out.Configs, policy)
	}
	return out
}

// partitionCounts returns those of the topics that exist.
func partitionCounts(ctx context.Context, client *kgo.Client, topics []Topic) (map[string]int, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = kmsg.StringPtr(t.Name)
		req.Topics = append(req.Topics, one)
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	counts := map[string]int{}
	for _, t := range resp.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if err != nil || t.Topic == nil {
			return nil, fmt.Errorf("listing topics: %w", err)
		}
		counts[*t.Topic] = len(t.Partitions)
	}
	return counts, nil
}
