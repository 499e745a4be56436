package place

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/schemas"
	"orderflow.example/schemas/orderv1"
)

// watcher reads order.events as any other service would and notes when an order was seen to be paid or cancelled. It
// measures from outside: the event is there only after the order's database and the broker have it on disk.
type watcher struct {
	consumer *kafka.Consumer

	mu    sync.Mutex
	ended map[string]time.Time // by order
	paid  map[string]bool
}

func newWatcher(bootstrap string) (*watcher, error) {
	w := &watcher{ended: make(map[string]time.Time), paid: make(map[string]bool)}
	consumer, err := kafka.NewConsumer(kafka.Config{Bootstrap: bootstrap}, kafka.ConsumerConfig{
		Group: "bench", Topics: []string{schemas.OrderEvents}, Handle: w.handle, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("watch the orders: %w", err)
	}
	w.consumer = consumer
	return w, nil
}

var (
	orderPaid      = (*orderv1.OrderPaid)(nil).RecordName()
	orderCancelled = (*orderv1.OrderCancelled)(nil).RecordName()
)

func (w *watcher) handle(_ context.Context, records []kafka.Record) error {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		switch r.Headers["ce_type"] {
		case orderPaid:
			w.paid[r.Key] = true
			w.ended[r.Key] = now
		case orderCancelled:
			w.ended[r.Key] = now
		}
	}
	return nil
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ended)
}
