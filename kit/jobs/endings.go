package jobs

import (
	"context"
	"sync"

	"orderflow.example/kit/sqldb"
)

// endingsAtOnce is how many jobs are ended in one transaction, at most.
const endingsAtOnce = 64

// ending is a job whose call went well, on its way into a transaction.
type ending struct {
	claimed
	result any
	stored chan error
}

// endings wait while the transaction before theirs is written, and go together into the next: as with a group commit,
// no timer is needed.
type endings struct {
	mu      sync.Mutex
	waiting []*ending
	busy    bool // a goroutine stores them
}

// finish stores the result of a job and ends it, together with others. Without the lease nothing is stored.
func (w *Worker) finish(job claimed, result any) error {
	e := &ending{job, result, make(chan error, 1)}
	w.endings.mu.Lock()
	w.endings.waiting = append(w.endings.waiting, e)
	idle := !w.endings.busy
	w.endings.busy = true
	w.endings.mu.Unlock()
	if idle {
		go w.storeEndings()
	}
	return <-e.stored
}

// storeEndings stores until nothing waits.
func (w *Worker) storeEndings() {
	for batch := w.endings.next(); len(batch) > 0; batch = w.endings.next() {
		w.storeTogether(batch)
	}
}

// next takes the first of those that wait, none with the key of another: a job that was taken over may end twice.
func (e *endings) next() []*ending {
	e.mu.Lock()
	defer e.mu.Unlock()
	keys := make(map[string]bool, len(e.waiting))
	var batch, later []*ending
	for _, one := range e.waiting {
		if len(batch) == endingsAtOnce || keys[one.Key] {
			later = append(later, one)
			continue
		}
		keys[one.Key] = true
		batch = append(batch, one)
	}
	e.waiting = later
	e.busy = len(batch) > 0
	return batch
}

// storeTogether stores a batch. When one of them spoils the transaction, each is stored alone.
func (w *Worker) storeTogether(batch []*ending) {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	err := w.endAll(ctx, batch)
	alone := err != nil && len(batch) > 1 && !sqldb.IsTransient(err) && ctx.Err() == nil
	for _, e := range batch {
		if alone {
			err = w.endAll(ctx, []*ending{e})
		}
		e.stored <- err
	}
}

func (w *Worker) endAll(ctx context.Context, batch []*ending) error {
	jobs := make([]claimed, len(batch))
	for i, e := range batch {
		jobs[i] = e.claimed
	}
	return w.inTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := w.store(ctx, tx, batch); err != nil {
			return err
		}
		return w.end(ctx, tx, jobs...)
	})
}
