package kafka

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// handle gives the batch at the head of the queue to the handler until that accepts it, ctx ends, or nothing of it is
// left because its partitions went to other members.
func (m *member) handle(ctx context.Context) {
	for attempt := 1; len(m.queue) > 0 && ctx.Err() == nil && m.fatal == nil; attempt++ {
		size := min(len(m.queue), m.cfg.BatchSize)
		err := m.callHandler(ctx, m.queue[:size])
		if err == nil {
			m.advance(m.queue[:size])
			m.queue = slices.Delete(m.queue, 0, size)
			break
		}
		if ctx.Err() != nil {
			break
		}
		pause := backoff(attempt)
		m.metrics.failures.Inc()
		m.cfg.Log.Warn("kafka batch failed and is held", "records", size, "attempt", attempt, "retry_in", pause.String(), "error", err)
		m.pause()
		m.pollFor(ctx, pause)
	}
	m.resume()
}

func (m *member) callHandler(ctx context.Context, batch []delivered) error {
	records := make([]Record, 0, len(batch))
	for _, d := range batch {
		if !d.end {
			records = append(records, d.record)
		}
	}
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := outlive(ctx, finishTime)
	defer cancel()
	begun := time.Now()
	err := m.cfg.Handle(ctx, records)
	m.metrics.handling.Observe(time.Since(begun).Seconds())
	m.metrics.batch.Observe(float64(len(records)))
	return err
}

// outlive returns a context that ends the given time after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(by):
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// advance takes note of what was handled.
func (m *member) advance(batch []delivered) {
	counts := map[partition]int{}
	for _, d := range batch {
		if !d.end {
			counts[d.from]++
		}
	}
	for p, count := range counts {
		m.metrics.consumed.WithLabelValues(m.topicOf(p), m.cfg.Group).Add(float64(count))
	}
	m.positions.advance(batch)
	if len(counts) > 0 {
		m.commits.wake()
	}
}

// pollFor keeps the membership alive while a batch is held. It returns early when nothing is held any more.
func (m *member) pollFor(ctx context.Context, d time.Duration) {
	until := time.Now().Add(d)
	for ctx.Err() == nil && m.fatal == nil && len(m.queue) > 0 {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		m.poll(min(left.Truncate(time.Millisecond)+time.Millisecond, idlePoll))
	}
}

// backoff doubles up to longBackoff, and is cut by up to a half at random so that members do not retry in step.
func backoff(attempt int) time.Duration {
	d := longBackoff
	if attempt < 10 {
		d = min(d, firstBackoff<<(attempt-1))
	}
	return d/2 + rand.N(d/2)
}
