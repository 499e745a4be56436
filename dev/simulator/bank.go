package simulator

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"orderflow.example/dev/internal/journal"
)

// bank holds all money in memory. Every change is an entry that goes to the journal in the order it was decided in;
// who reads or repeats a change waits until it is on disk.
type bank struct {
	now         func() time.Time
	keyLifetime time.Duration
	journal     *journal.Journal

	mu          sync.Mutex
	payments    map[string]*payment
	order       []*payment // by creation
	position    map[string]int
	byReference map[string][]*payment
	operations  map[string]*operation // by idempotency key
	attempts    map[string]int        // failures already played, for the modes that end
	last        *journal.Commit

	tell   func(Event, *journal.Commit) // nil: nobody is told
	untold map[string]Event             // by id: of earlier runs, not acknowledged; only while the journal is read
}

func newBank(now func() time.Time, keyLifetime time.Duration) *bank {
	return &bank{
		now: now, keyLifetime: keyLifetime,
		payments: map[string]*payment{}, position: map[string]int{}, byReference: map[string][]*payment{},
		operations: map[string]*operation{}, attempts: map[string]int{}, untold: map[string]Event{},
	}
}

// replay applies a record of an earlier run.
func (b *bank) replay(record []byte) error {
	var e struct {
		entry
		failure
		told
	}
	if err := json.Unmarshal(record, &e); err != nil {
		return err
	}
	if e.Played != "" {
		b.attempts[e.Played]++
		return nil
	}
	if e.told.EventID != "" {
		delete(b.untold, e.told.EventID)
		return nil
	}
	if err := b.apply(e.entry, nil); err != nil {
		return err
	}
	if id := e.entry.EventID; id != "" {
		b.untold[id] = b.event(e.entry)
	}
	return nil
}

// wasTold writes down that an event was acknowledged. Nobody waits for it: lost in a crash, the event is told again.
func (b *bank) wasTold(eventID string) {
	record, err := json.Marshal(told{eventID})
	if err != nil {
		panic(err) // a string can be expressed
	}
	b.journal.Append(record)
}

// commit applies a decided entry and queues it for the disk; the caller holds mu.
func (b *bank) commit(e entry) (*operation, error) {
	if b.tell != nil {
		e.EventID = newEventID()
	}
	record, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	b.last = b.journal.Append(record)
	if err := b.apply(e, b.last); err != nil {
		return nil, err
	}
	if b.tell != nil {
		b.tell(b.event(e), b.last)
	}
	return b.operations[e.Key], nil
}

// decide checks the rules and says what the call does: an entry, or an error when nothing happens. The caller holds mu.
func (b *bank) decide(key string, r request) (entry, *Error) {
	e := entry{Key: key, At: b.now().UTC().Truncate(time.Microsecond), Request: r, PaymentID: r.PaymentID}
	token := r.Token
	if r.Kind == KindAuthorize {
		if _, _, known := parseToken(token); !known {
			e.Declined = declined("invalid_payment_token", "No such payment token.")
			return e, nil
		}
	} else {
		p, ok := b.payments[r.PaymentID]
		if !ok {
			return e, notFound("payment_not_found", "There is no payment %q.", r.PaymentID)
		}
		if err := p.allows(r); err != nil {
			return e, err
		}
		token = p.token
	}
	if e.Declined = modeOf(token, r.Kind).refusal(r.Kind); e.Declined != nil {
		return e, nil
	}
	switch r.Kind {
	case KindAuthorize:
		e.PaymentID = "pay_" + rand.Text()
	case KindRefund:
		e.RefundID = "re_" + rand.Text()
	}
	return e, nil
}

// allows says whether the payment's state and sums permit the operation.
func (p *payment) allows(r request) *Error {
	switch r.Kind {
	case KindCapture, KindVoid:
		if p.Status != StatusAuthorized {
			return conflict("invalid_state", "A payment that is %s can't be changed by a %s.", p.Status, r.Kind)
		}
		if r.Amount > p.Amount {
			return conflict("amount_too_large", "%d is more than the authorised %d.", r.Amount, p.Amount)
		}
	case KindRefund:
		if p.Status != StatusCaptured {
			return conflict("invalid_state", "A payment that is %s can't be refunded.", p.Status)
		}
		if left := p.AmountCaptured - p.AmountRefunded; r.Amount > left {
			return conflict("amount_too_large", "%d is more than the %d that can still be refunded.", r.Amount, left)
		}
	}
	return nil
}

// apply changes the money as the entry says. It decides nothing, so that a replay ends in the same state.
func (b *bank) apply(e entry, commit *journal.Commit) error {
	op := &operation{entry: e, commit: commit}
	b.operations[e.Key] = op
	if e.Declined != nil {
		return nil
	}
	if e.Request.Kind == KindAuthorize {
		b.add(&payment{Payment: Payment{ID: e.PaymentID, Reference: e.Request.Reference, IdempotencyKey: e.Key, Status: StatusAuthorized,
			Currency: e.Request.Currency, Amount: e.Request.Amount, CreatedAt: e.At}, token: e.Request.Token})
	}
	p, ok := b.payments[e.PaymentID]
	if !ok {
		return fmt.Errorf("%s of the unknown payment %q", e.Request.Kind, e.PaymentID)
	}
	p.change(e)
	p.UpdatedAt, p.commit = e.At, commit
	op.answer = p.answer()
	return nil
}

func (p *payment) change(e entry) {
	switch e.Request.Kind {
	case KindCapture:
		p.Status, p.AmountCaptured, p.AmountVoided = StatusCaptured, e.Request.Amount, p.Amount-e.Request.Amount
	case KindVoid:
		p.Status, p.AmountVoided = StatusVoided, p.Amount
	case KindRefund:
		p.AmountRefunded += e.Request.Amount
		if p.AmountRefunded == p.AmountCaptured {
			p.Status = StatusRefunded
		}
		p.Refunds = append(p.Refunds, Refund{ID: e.RefundID, PaymentID: p.ID, IdempotencyKey: e.Key, Amount: e.Request.Amount,
			Currency: p.Currency, Status: OperationSucceeded, Reason: e.Request.Reason, CreatedAt: e.At})
	}
}

func (b *bank) add(p *payment) {
	b.payments[p.ID] = p
	b.position[p.ID] = len(b.order)
	b.order = append(b.order, p)
	b.byReference[p.Reference] = append(b.byReference[p.Reference], p)
}
