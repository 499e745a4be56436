// Package worker moves payments on: it calls the provider for what is to be done next, outside of any transaction, and
// stores the outcome, the events that follow and what they book in one.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"orderflow.example/kit/jobs"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/telemetry"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/store"
)

// Kind is that of the jobs; their key is the order's id. So one operation runs at a time for a payment.
const Kind = "provider"

// Provider carries operations out. It says which provider it is, does an operation under its key, and finds out what
// became of one that may have reached the provider; false: it never took effect.
type Provider interface {
	Name() string
	Perform(ctx context.Context, p *payment.Payment, op payment.Operation) payment.Outcome
	LookUp(ctx context.Context, p *payment.Payment, op payment.Operation) (payment.Outcome, bool)
}

// Worker handles the jobs.
type Worker struct {
	db       *sqldb.DB
	store    *store.Store
	provider Provider
	log      *slog.Logger
}

// New makes a worker.
func New(db *sqldb.DB, s *store.Store, p Provider, log *slog.Logger) *Worker {
	return &Worker{db: db, store: s, provider: p, log: log}
}

// Enqueue stores a job for each payment that has something to be done, in the transaction that asked for it.
func Enqueue(ctx context.Context, tx *sqldb.Tx, payments ...*payment.Payment) error {
	var due []jobs.Job
	for _, p := range payments {
		if _, more := p.Next(); more {
			due = append(due, jobs.Job{Kind: Kind, Key: p.OrderID})
		}
	}
	if len(due) == 0 {
		return nil
	}
	return jobs.Enqueue(ctx, tx, due...)
}

// Answer is what the provider said to an operation.
type Answer struct {
	operation payment.Operation
	outcome   payment.Outcome
	cause     store.Cause
}

// Handle runs the next operation of an order's payment; nil when there is none. An outcome that is not definite is
// stored as well, and the operation planned again: a job that fails is only one that could not read or write.
func (w *Worker) Handle(ctx context.Context, job jobs.Job) (*Answer, error) {
	ctx = telemetry.With(ctx, slog.String("order_id", job.Key))
	p, err := store.GetByOrder(ctx, w.db, job.Key)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, jobs.Permanent(fmt.Errorf("order %s has no payment", job.Key))
	}
	doubt(p, job)
	op, more := p.Next()
	if !more {
		return nil, nil
	}
	out := w.ask(ctx, p, op)
	w.tell(ctx, p, op, out)
	return &Answer{op, out, store.Cause{EventID: p.AskedBy, TraceParent: p.TraceParent}}, nil
}

// doubt: an earlier run of this job ended without its result being stored, by a crash perhaps, so that the provider may
// have heard of an operation.
func doubt(p *payment.Payment, job jobs.Job) {
	if job.Attempt > 1 {
		p.InDoubt = true
	}
}

// ask lets the provider carry the operation out. When it may have been there before, what became of it comes first.
func (w *Worker) ask(ctx context.Context, p *payment.Payment, op payment.Operation) payment.Outcome {
	if op.Kind == payment.KindAbandon {
		return payment.Outcome{Result: payment.Succeeded}
	}
	if p.Provider != "" && p.Provider != w.provider.Name() { // to ask another one could only lead to a wrong refusal
		return payment.Outcome{Result: payment.Unavailable, Cause: fmt.Errorf("the money is held by %s, and the provider here is %s", p.Provider, w.provider.Name())}
	}
	if p.InDoubt {
		if out, known := w.provider.LookUp(ctx, p, op); known {
			return out
		}
	}
	return w.provider.Perform(ctx, p, op)
}

// Store settles payments by the provider's answers, and plans what is to be done next.
func (w *Worker) Store(ctx context.Context, tx *sqldb.Tx, done []jobs.Done[*Answer]) error {
	done = slices.DeleteFunc(done, func(job jobs.Done[*Answer]) bool { return job.Result == nil })
	orders := make([]string, len(done))
	for i, job := range done {
		orders[i] = job.Key
	}
	work := w.store.Begin(tx)
	if err := work.Load(ctx, orders...); err != nil {
		return err
	}
	var next []jobs.Job
	for _, job := range done {
		p, answer := work.Payment(job.Key), job.Result
		doubt(p, job.Job)
		events, err := payment.Settle(p, answer.operation, answer.outcome, work.Now())
		if err != nil {
			return err
		}
		if err := work.Record(p, answer.cause, events...); err != nil {
			return err
		}
		if _, more := p.Next(); more {
			next = append(next, jobs.Job{Kind: Kind, Key: job.Key, RunAt: work.Now().Add(p.RetryIn(answer.outcome))})
		}
	}
	if err := work.Flush(ctx); err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, next...)
}

// tell logs what people may want to know of.
func (w *Worker) tell(ctx context.Context, p *payment.Payment, op payment.Operation, out payment.Outcome) {
	switch {
	case out.Result == payment.Refused && (op.Kind == payment.KindVoid || op.RefundID == p.ID):
		w.log.ErrorContext(ctx, "the provider refuses to give a cancelled order's money back: a person has to see to it",
			"operation", op.Kind, "payment_id", p.ID, "provider_reference", p.ProviderReference, "code", out.Code, "reason", out.Reason)
	case out.Result == payment.Refused:
		w.log.InfoContext(ctx, "the provider refused", "operation", op.Kind, "payment_id", p.ID, "code", out.Code)
	case !out.Definite():
		w.log.WarnContext(ctx, "the provider gave no definite answer", "operation", op.Kind, "payment_id", p.ID,
			"result", out.Result.String(), "tries_before", p.Tries, "error", out.Cause)
	}
}
