package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestEnsureTopicsCreatesWhatIsMissing(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.topic(t, "old", 2, "retention.ms", "1000000")
		topics := []Topic{
			{Name: "old", Partitions: 5, Compacted: true},
			{Name: "orders", Partitions: 3, Retention: 36 * time.Hour},
			{Name: "products", Partitions: 1, Compacted: true},
		}
		for range 2 {
			if err := EnsureTopics(t.Context(), b.Config, 1, topics); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []struct {
			name              string
			partitions        int
			policy, retention string
		}{
			{"old", 2, "delete", "1000000"},
			{"orders", 3, "delete", "129600000"},
			{"products", 1, "compact", ""},
		} {
			partitions, config := b.describe(t, want.name)
			if partitions != want.partitions || config["cleanup.policy"] != want.policy || want.retention != "" && config["retention.ms"] != want.retention {
				t.Errorf("%s has %d partitions, %s, %s; want %+v", want.name, partitions, config["cleanup.policy"], config["retention.ms"], want)
			}
		}
	})
}

func (b *broker) describe(t *testing.T, topic string) (partitions int, config map[string]string) {
	t.Helper()
	admin := b.admin(t)
	defer admin.Close()
	name := b.TopicPrefix + topic
	meta, err := admin.GetMetadata(&name, false, 5000)
	if err != nil {
		t.Fatal(err)
	}
	described, err := admin.DescribeConfigs(t.Context(), []ck.ConfigResource{{Type: ck.ResourceTopic, Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	config = map[string]string{}
	for key, entry := range described[0].Config {
		config[key] = entry.Value
	}
	return len(meta.Topics[name].Partitions), config
}

func TestEnsureTopicsSaysWhatIsRefused(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		err := EnsureTopics(t.Context(), b.Config, 1, []Topic{{Name: "bad", Partitions: 0}})
		if err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("error %v, want one that names the topic", err)
		}
	})
}

func TestEnsureTopicsWaitsForBrokers(t *testing.T) {
	b := newRestartable(t)
	b.stop()
	topics := []Topic{{Name: "orders", Partitions: 1}}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := EnsureTopics(ctx, b.Config, 1, topics); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a broker: error %v, want the context's", err)
	}
	done := make(chan error, 1)
	go func() { done <- EnsureTopics(context.Background(), b.Config, 1, topics) }()
	b.start()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(deadline):
		t.Fatal("EnsureTopics does not come back")
	}
}
