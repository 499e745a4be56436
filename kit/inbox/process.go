package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
)

// refusalRounds is how often a batch is run again as a whole because its handler refused something; then it is halved,
// so that a batch of bad messages does not take the square of its length.
const refusalRounds = 4

// Process applies a batch of records in one transaction, with the progress of the inbox and what is parked. An error
// means that nothing was lost and the same batch should be given again: the database, the registry or something that
// the handler needs is away.
func (p *Processor) Process(ctx context.Context, records []kafka.Record) error {
	started := time.Now()
	items := make([]*item, len(records))
	for i, record := range records {
		it, err := p.prepare(ctx, record)
		if err != nil {
			return err
		}
		items[i] = it
	}
	if _, err := p.apply(ctx, items); err != nil {
		return err
	}
	p.metrics.batch.Observe(float64(len(records)))
	p.metrics.duration.Observe(time.Since(started).Seconds())
	return nil
}

// handlerError is an error of the handler, as against one of the inbox's own statements.
type handlerError struct {
	batch     []*item
	cause     error
	transient bool // whatever the messages
}

func (e *handlerError) Error() string { return fmt.Sprintf("inbox: handler: %v", e.cause) }
func (e *handlerError) Unwrap() error { return e.cause }

// apply runs items in a transaction, again without those that are refused, until it commits. It tells how many
// messages were handled.
func (p *Processor) apply(ctx context.Context, items []*item) (int, error) {
	for round := 1; len(items) > 0; round++ {
		done, err := p.once(ctx, items)
		if err == nil {
			p.report(ctx, done)
			return len(done.apply), nil
		}
		var failed *handlerError
		if !errors.As(err, &failed) || failed.transient {
			return 0, err
		}
		blamed := blame(failed)
		if !blamed || round >= refusalRounds && len(failed.batch) > 1 {
			return p.halves(ctx, items, failed.batch[len(failed.batch)/2])
		}
	}
	return 0, nil
}

// halves applies the items before the middle one, then the rest: the one at fault ends up alone.
func (p *Processor) halves(ctx context.Context, items []*item, middle *item) (int, error) {
	split := 0
	for items[split] != middle {
		split++
	}
	first, err := p.apply(ctx, items[:split])
	if err != nil {
		return first, err
	}
	second, err := p.apply(ctx, items[split:])
	return first + second, err
}

// blame marks the messages that the handler's error names, or the only one that there is. It tells whether it could.
func blame(failed *handlerError) bool {
	blamed := false
	for _, r := range refusals(failed.cause) {
		if r.index >= 0 && r.index < len(failed.batch) {
			failed.batch[r.index].trouble = &trouble{reasonRefused, r.cause, false}
			blamed = true
		}
	}
	if !blamed && len(failed.batch) == 1 {
		failed.batch[0].trouble = &trouble{reasonRefused, failed.cause, false}
		blamed = true
	}
	return blamed
}

// refusals are all refusals in a tree of errors.
func refusals(err error) []refusal {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case refusal:
		return []refusal{e}
	case interface{ Unwrap() []error }:
		var all []refusal
		for _, inner := range e.Unwrap() {
			all = append(all, refusals(inner)...)
		}
		return all
	case interface{ Unwrap() error }:
		return refusals(e.Unwrap())
	}
	return nil
}

// once is one transaction: load, plan, handle, store.
func (p *Processor) once(ctx context.Context, items []*item) (*planner, error) {
	var done *planner
	err := p.cfg.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		state, err := p.load(ctx, tx, items)
		if err != nil {
			return err
		}
		done = &planner{state: state, now: tx.Now, compacted: p.compacted, maxAttempts: p.cfg.MaxAttempts, backoff: p.cfg.ParkBackoff}
		done.run(items)
		if len(done.apply) > 0 {
			if err := p.handle(ctx, tx, done.apply); err != nil {
				return &handlerError{done.apply, err, isTransientIn(ctx, tx, err)}
			}
		}
		return p.store(ctx, tx, done)
	})
	return done, err
}

// handle calls the handler; its panic is an error like another, so that one message can't end the service.
func (p *Processor) handle(ctx context.Context, tx *sqldb.Tx, items []*item) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
			p.cfg.Log.ErrorContext(ctx, "a message handler panicked", "consumer", p.cfg.Group, "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	batch := make([]Message, len(items))
	for i, it := range items {
		batch[i] = it.Message
	}
	return p.cfg.Handle(ctx, tx, batch)
}

// report counts and logs what was committed.
func (p *Processor) report(ctx context.Context, done *planner) {
	p.metrics.applied.Add(float64(len(done.apply)))
	p.metrics.duplicates.Add(float64(done.duplicates))
	p.metrics.ignored.Add(float64(done.ignored))
	p.metrics.parked.Add(float64(len(done.park)))
	p.reportLate(ctx, done.late)
	for _, parked := range [][]parking{done.park, done.update} {
		for _, m := range parked {
			if m.dead {
				p.metrics.dead.Inc()
			}
			p.cfg.Log.WarnContext(ctx, "a message is parked", "consumer", p.cfg.Group, "topic", m.Topic, "partition", m.Partition,
				"offset", m.Offset, "key", m.Key, "sequence", m.Sequence, "id", m.ID, "type", m.Type,
				"reason", m.reason, "detail", m.detail, "attempts", m.attempts, "dead", m.dead)
		}
	}
}
