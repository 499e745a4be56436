package sqldb

import (
	"context"
	"errors"
	"sync/atomic"
)

var errGoexit = errors.New("sqldb: the transaction's function ended its goroutine")

// The states of a call. It is taken once: by the writer, or by its caller when that gives up waiting.
const (
	waiting int32 = iota
	running
	abandoned
)

// call is one transaction that waits for its turn on the SQLite writer.
type call struct {
	ctx      context.Context
	fn       func(ctx context.Context, tx *Tx) error
	tx       *Tx
	state    atomic.Int32
	done     chan struct{} // closed with the answer
	err      error
	panicked any
	lost     bool // it took the group's transaction down with it
}

func (c *call) take(state int32) bool { return c.state.CompareAndSwap(waiting, state) }

// run calls fn and keeps its error or panic.
func (c *call) run() {
	returned := false
	defer func() {
		if returned {
			return
		}
		if c.panicked = recover(); c.panicked == nil { // Goexit: nothing can stop it, so the group ends here
			c.answer(errGoexit)
		}
	}()
	c.err = c.fn(c.ctx, c.tx)
	if c.err == nil {
		c.err = c.tx.failed
	}
	returned = true
}

// again makes the call ready for another run.
func (c *call) again() {
	c.err, c.panicked = nil, nil
	c.tx = &Tx{flavor: c.tx.flavor, db: c.tx.db, ctx: c.tx.ctx, writer: c.tx.writer}
}

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}

func answer(calls []*call, err error) {
	for _, c := range calls {
		c.answer(err)
	}
}
