package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Send hands over all records at once and returns when each is acknowledged by all in-sync replicas. acked tells, by
// index, which are; it is complete when err is nil.
//
// At the first record that is not taken, Send gives up what it has not sent yet and returns a *SendError that names the
// record; IsRefused tells whether for good. Then no record of the same topic and key with a higher index is acked, or
// will come before it. A record that is not acked may have been written all the same: send it again, in the order of
// the slice.
//
// While the brokers are away Send waits; when ctx ends it gives up and returns an error that wraps ctx's.
func (p *Producer) Send(ctx context.Context, records []Record) (acked []bool, err error) {
	acked = make([]bool, len(records))
	if err := ctx.Err(); err != nil {
		return acked, fmt.Errorf("kafka: send: %w", err)
	}
	if err := p.takeTurn(ctx); err != nil {
		return acked, fmt.Errorf("kafka: send: %w", err)
	}
	defer p.endTurn()

	err = p.sendAll(ctx, records, acked)
	for i, ok := range acked {
		if ok {
			p.metrics.produced.WithLabelValues(records[i].Topic).Inc()
		}
	}
	if failed, ok := errors.AsType[*SendError](err); ok {
		p.metrics.refused.WithLabelValues(failed.Topic, strconv.FormatBool(IsRefused(failed.Err))).Inc()
	}
	return acked, err
}

// sendAll sends together what is not acked yet. A broker refuses a batch as a whole, so when several records are
// refused it sends one by one up to the last of them: this finds the one that is really at fault.
func (p *Producer) sendAll(ctx context.Context, records []Record, acked []bool) error {
	for {
		suspects, err := p.sendTogether(ctx, records, acked, unacked(acked, len(records)))
		if err == nil || len(suspects) == 0 {
			return err
		}
		for _, i := range unacked(acked, suspects[len(suspects)-1]+1) {
			if _, err := p.sendTogether(ctx, records, acked, []int{i}); err != nil {
				return err
			}
		}
	}
}

// unacked returns the indexes below end that are not acked.
func unacked(acked []bool, end int) []int {
	var indexes []int
	for i := range end {
		if !acked[i] {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// sendTogether sends the records of the given indexes, in that order, and marks which are acked. When it returns an
// error, suspects are the records (two at least, ascending) that were refused together, perhaps because of one of them.
func (p *Producer) sendTogether(ctx context.Context, records []Record, acked []bool, indexes []int) (suspects []int, err error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	client, err := p.usableClient()
	if err != nil {
		return nil, err
	}
	d := &delivery{client: client, prefix: p.prefix, records: records, acked: acked, reports: make(chan ck.Event, len(indexes))}
	d.produce(ctx, indexes)
	d.await(ctx)
	if d.purged || d.failedRemotely() {
		// The sequence numbers of a client that gave records up have a gap: it can't go on. And a topic that it did not
		// find it does not look for again.
		p.discardClient()
	}
	return d.outcome(ctx)
}

// delivery is one hand-over of records to a client and the reports that come back.
type delivery struct {
	client  *producerClient
	prefix  string
	records []Record
	acked   []bool
	reports chan ck.Event

	open   int // handed over, report not seen
	failed []failure
	purged bool
}

type failure struct {
	index int
	err   error
	local bool // refused by the client itself: it was never queued, and none after it was
}

// produce stops at the first failure that it sees.
func (d *delivery) produce(ctx context.Context, indexes []int) {
	topics := map[string]*string{}
	for _, i := range indexes {
		record := d.records[i]
		topic, ok := topics[record.Topic]
		if !ok {
			name := d.prefix + record.Topic
			topic = &name
			topics[record.Topic] = topic
		}
		message := record.message(topic)
		message.Opaque = i
		err := d.client.Produce(message, d.reports)
		for isQueueFull(err) && d.awaitOne(ctx) {
			err = d.client.Produce(message, d.reports)
		}
		if err != nil {
			d.failed = append(d.failed, failure{index: i, err: err, local: IsRefused(err)})
			return
		}
		d.open++
		if d.seeReports(); len(d.failed) > 0 {
			return
		}
	}
}

func isQueueFull(err error) bool {
	kafkaErr, ok := errors.AsType[ck.Error](err)
	return ok && kafkaErr.Code() == ck.ErrQueueFull
}

// await waits for all reports. After a failed one, or when ctx ends, it purges what is left, which reports at once.
func (d *delivery) await(ctx context.Context) {
	for d.open > 0 {
		if !d.purged && (ctx.Err() != nil || d.failedRemotely()) {
			d.purge()
		}
		if d.purged {
			d.see(<-d.reports)
		} else {
			d.awaitOne(ctx)
		}
	}
}

func (d *delivery) failedRemotely() bool {
	return slices.ContainsFunc(d.failed, func(f failure) bool { return !f.local })
}

func (d *delivery) purge() {
	d.purged = true
	if err := d.client.Purge(ck.PurgeQueue | ck.PurgeInFlight); err != nil {
		// Only an invalid flag does that; without a purge await would wait for ever.
		panic(fmt.Sprintf("kafka: purge: %v", err))
	}
}

// awaitOne waits for a report or the end of ctx, and tells whether it was a report.
func (d *delivery) awaitOne(ctx context.Context) bool {
	select {
	case event := <-d.reports:
		d.see(event)
		return true
	case <-ctx.Done():
		return false
	}
}

func (d *delivery) seeReports() {
	for {
		select {
		case event := <-d.reports:
			d.see(event)
		default:
			return
		}
	}
}

func (d *delivery) see(event ck.Event) {
	message, ok := event.(*ck.Message)
	if !ok {
		return // reports are all that the client sends on this channel
	}
	d.open--
	index := message.Opaque.(int)
	if err := message.TopicPartition.Error; err != nil {
		d.failed = append(d.failed, failure{index: index, err: err})
		return
	}
	d.acked[index] = true
}

// outcome names the record that ended the delivery, and the suspects if that is not certain.
func (d *delivery) outcome(ctx context.Context) (suspects []int, err error) {
	if len(d.failed) == 0 {
		return nil, nil
	}
	cause := d.cause()
	if cause == nil && ctx.Err() != nil {
		return nil, fmt.Errorf("kafka: send: %w", ctx.Err())
	}
	if cause == nil {
		cause = &d.failed[0]
	}
	for _, f := range d.failed {
		if !f.local && isShared(f.err) {
			suspects = append(suspects, f.index)
		}
	}
	if len(suspects) < 2 {
		suspects = nil
	}
	slices.Sort(suspects)
	record := d.records[cause.index]
	return suspects, &SendError{Index: cause.index, Topic: record.Topic, Key: record.Key, Err: cause.err}
}

// cause returns the first refusal, or else the first failure that is no consequence of another; nil if there is none.
func (d *delivery) cause() *failure {
	var cause *failure
	for i, f := range d.failed {
		if IsRefused(f.err) {
			return &d.failed[i]
		}
		if cause == nil && !isConsequence(f.err) {
			cause = &d.failed[i]
		}
	}
	return cause
}
