package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

// The whole way: rows, relay, librdkafka, an embedded broker that refuses large messages, and a reader.
func TestRelayThroughABroker(t *testing.T) {
	limit := "4096"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"message.max.bytes": limit}), kfake.SeedTopics(3, "a.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	producer, err := kafka.NewProducer(kafka.Config{Bootstrap: strings.Join(cluster.ListenAddrs(), ",")}, "test", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.SQLiteURL(t)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- NewRelay(db, producer, slog.New(slog.DiscardHandler), nil).Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	large := strings.Repeat("x", 2_000_000)
	var want []string
	for sequence := range 50 {
		var events []string
		for key := range 10 {
			event := fmt.Sprintf("k%d %d", key, sequence+1)
			if key == 3 && sequence == 20 {
				event += " " + large
			}
			if key != 3 || sequence < 20 {
				want = append(want, event)
			}
			events = append(events, event)
		}
		add(t, db, "a.events", events...)
	}

	got := consume(t, cluster, len(want))
	byKey := func(a, b string) int { return strings.Compare(a[:2], b[:2]) }
	slices.SortStableFunc(got, byKey)
	slices.SortStableFunc(want, byKey)
	if !slices.Equal(got, want) {
		t.Errorf("received %v", got)
	}
	refused, err := Refused(t.Context(), db, 10)
	if err != nil || len(refused) != 1 || refused[0].Key != "k3" || refused[0].Sequence != 21 {
		t.Errorf("refused %d, %v", len(refused), err)
	}
}

// consume reads as a service's inbox does: an event that was seen is skipped. A refusal ends the producer's client, and
// what was under way to other partitions is sent again, for nobody knows whether the broker had written it.
func consume(t *testing.T, cluster *kfake.Cluster, events int) []string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("a.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var values []string
	seen := map[string]bool{}
	for len(values) < events {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d events: %v", len(values), events, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if value := string(r.Value); !seen[value] {
				seen[value] = true
				values = append(values, value)
			}
		})
	}
	return values
}
