package simulator

import (
	"encoding/json"
	"net/http"
	"time"

	"orderflow.example/dev/internal/journal"
)

// outcome is what a call led to: exactly one of op, pending, err and hang is set.
type outcome struct {
	op       *operation
	replayed bool // op is of an earlier call
	lost     bool // the answer for op must not arrive

	pending *operation // being worked on
	started bool       // by this call: the caller has to see to it that it ends

	err  *Error
	hang bool // nothing happened, and the client must not learn that

	played *journal.Commit // of the failure that this outcome plays
}

// perform carries out a call, or finds out that its key was used before, or plays the failure that the card token asks for.
func (b *bank) perform(key string, r request) outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	if op := b.known(key); op != nil {
		switch {
		case op.Request != r:
			return outcome{err: errKeyReused}
		case op.done != nil:
			return outcome{pending: op}
		default:
			return outcome{op: op, replayed: true}
		}
	}
	how := b.modeFor(r)
	switch how {
	case modeTimeout:
		if plays, played := b.plays(how, 1, key, r); plays {
			return outcome{hang: true, played: played}
		}
	case mode500ThenOK:
		if plays, played := b.plays(how, 2, key, r); plays {
			return outcome{err: errInternal, played: played}
		}
	case modeSlow:
		e, refused := b.decide(key, r)
		if refused != nil {
			return outcome{err: refused}
		}
		op := &operation{entry: entry{Key: key, At: e.At, Request: r, PaymentID: r.PaymentID}, done: make(chan struct{})}
		b.operations[key] = op
		return outcome{pending: op, started: true}
	}
	op, refused := b.settle(key, r)
	if refused != nil {
		return outcome{err: refused}
	}
	if how != modeLostAnswer {
		return outcome{op: op}
	}
	lost, played := b.plays(how, 1, key, r)
	return outcome{op: op, lost: lost, played: played}
}

// settle decides and commits; the caller holds mu.
func (b *bank) settle(key string, r request) (*operation, *Error) {
	e, refused := b.decide(key, r)
	if refused != nil {
		return nil, refused
	}
	op, err := b.commit(e)
	if err != nil {
		return nil, errNotKept
	}
	return op, nil
}

// finish ends a pending operation: it takes effect now, or, when abandoned, never.
func (b *bank) finish(op *operation, abandoned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.operations, op.Key)
	if abandoned {
		op.refused = errUnavailable
	} else {
		_, op.refused = b.settle(op.Key, op.Request)
	}
	close(op.done)
}

// known is the operation of a key that has not been forgotten; the caller holds mu.
func (b *bank) known(key string) *operation {
	op := b.operations[key]
	if op == nil || b.now().Sub(op.At) > b.keyLifetime {
		return nil
	}
	return op
}

func (b *bank) modeFor(r request) mode {
	if r.Kind == KindAuthorize {
		return modeOf(r.Token, r.Kind)
	}
	if p, ok := b.payments[r.PaymentID]; ok {
		return modeOf(p.token, r.Kind)
	}
	return modeOK
}

// plays counts a failure and says whether it is still to be played: the first n times of an order's authorisation, of a
// payment's capture or void, of a refund's key.
func (b *bank) plays(how mode, n int, key string, r request) (bool, *journal.Commit) {
	about := r.Kind + " " + string(how) + " "
	switch r.Kind {
	case KindAuthorize:
		about += r.Reference
	case KindRefund:
		about += key
	default:
		about += r.PaymentID
	}
	if b.attempts[about] >= n {
		return false, nil
	}
	b.attempts[about]++
	record, err := json.Marshal(failure{about})
	if err != nil {
		panic(err) // a string can be expressed
	}
	b.last = b.journal.Append(record)
	return true, b.last
}

// execute performs a call to its end. It does not return when the client is to get no answer.
func (s *Simulator) execute(w http.ResponseWriter, r *http.Request, key string, req request) (op *operation, replayed bool, refused *Error) {
	var mine *operation
	for {
		out := s.bank.perform(key, req)
		if out.played.Wait() != nil {
			return nil, false, errNotKept
		}
		switch {
		case out.err != nil:
			return nil, false, out.err
		case out.hang:
			s.hang(w, r)
		case out.pending != nil:
			if out.started {
				mine = out.pending
				s.slow.Go(func() { s.finishLater(out.pending) })
			}
			select {
			case <-out.pending.done:
			case <-r.Context().Done():
				s.cut(w, r, "the client gave up")
			}
			if out.pending.refused != nil {
				return nil, false, out.pending.refused
			}
		default:
			if out.op.commit.Wait() != nil {
				return nil, false, errNotKept
			}
			if out.lost {
				s.cut(w, r, "the answer gets lost")
			}
			return out.op, out.replayed && mine == nil, nil
		}
	}
}

// finishLater lets a slow operation take effect, whether or not the client still waits.
func (s *Simulator) finishLater(op *operation) {
	delay := time.NewTimer(s.cfg.SlowDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
		s.bank.finish(op, false)
	case <-s.closing:
		s.bank.finish(op, true)
	}
}

func (s *Simulator) hang(w http.ResponseWriter, r *http.Request) {
	limit := time.NewTimer(s.cfg.HangFor)
	defer limit.Stop()
	select {
	case <-r.Context().Done():
	case <-limit.C:
	case <-s.closing:
	}
	s.cut(w, r, "the call hangs")
}
