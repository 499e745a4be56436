package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// commits writes the offsets of what was handled to the brokers: soon, but not for each batch, since who takes over
// recognises a record that was handled already. A commit that fails is tried again with whatever is handled by then.
type commits struct {
	client    *ck.Consumer
	positions *positions
	log       *slog.Logger
	pause     time.Duration // after each commit
	woken     chan struct{}
	one       sync.Mutex // commits follow one another, so that an older offset never overwrites a newer one
}

func newCommits(client *ck.Consumer, positions *positions, log *slog.Logger, pause time.Duration) *commits {
	return &commits{client: client, positions: positions, log: log, pause: pause, woken: make(chan struct{}, 1)}
}

// wake makes run commit.
func (c *commits) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

func (c *commits) run(ctx context.Context) {
	for {
		select {
		case <-c.woken:
		case <-ctx.Done():
			return
		}
		if !c.flush(nil) {
			c.wake()
		}
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
			return
		}
	}
}

// flush commits now, all partitions when only is nil, and tells whether that worked.
func (c *commits) flush(only map[partition]bool) bool {
	c.one.Lock()
	defer c.one.Unlock()
	offsets := c.positions.uncommitted(only)
	if len(offsets) == 0 {
		return true
	}
	committed, err := c.client.CommitOffsets(offsets)
	if err != nil {
		c.log.Debug("kafka offsets not committed", "partitions", len(offsets), "error", err)
		return false
	}
	c.positions.setCommitted(committed)
	return true
}
