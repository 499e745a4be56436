package avro

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Resolve gets the ids of the schemas that a service writes to a topic, or registers them where Config.Register says so.
// While the registry can't be reached it waits, and says so in the log, until ctx ends. It fails at once for a schema that
// was not released, is refused by the registry, or when the credentials are.
func (c *Codec) Resolve(ctx context.Context, topic string, names ...string) error {
	for _, name := range names {
		t := c.types[name]
		if t == nil {
			return fmt.Errorf("avro: %s is not among the codec's types", name)
		}
		id, err := c.ownID(ctx, subject(topic, name), t.Schema)
		if err != nil {
			return fmt.Errorf("avro: subject %s: %w", subject(topic, name), err)
		}
		c.mu.Lock()
		c.own[ownKey{topic, name}] = ownSchema{id: id, eventType: t}
		c.mu.Unlock()
	}
	return nil
}

// subject is the registry's TopicRecordNameStrategy: several types share a topic, and each has its own history.
func subject(topic, name string) string { return topic + "-" + name }

// ownID asks for an id until there is an answer.
func (c *Codec) ownID(ctx context.Context, subject, schema string) (uint32, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		id, err := c.askOwnID(ctx, subject, schema)
		if !errors.Is(err, errUnreachable) {
			return id, err
		}
		jittered := pause/2 + rand.N(pause/2)
		c.log.WarnContext(ctx, "waiting for the schema registry",
			slog.String("subject", subject), slog.Duration("next_try_in", jittered), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return 0, &transientError{fmt.Errorf("%w (last answer: %w)", ctx.Err(), err)}
		case <-time.After(jittered):
		}
	}
}

func (c *Codec) askOwnID(ctx context.Context, subject, schema string) (uint32, error) {
	if c.register {
		return c.registry.register(ctx, subject, schema)
	}
	id, err := c.registry.lookUp(ctx, subject, schema)
	if errors.Is(err, errUnknown) {
		return 0, fmt.Errorf("its schema was not released to the registry: register it under this subject first: %s", schema)
	}
	return id, err
}
