package property

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"orderflow.example/kit/inbox"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// topicLog is a topic of one partition.
type topicLog struct {
	name     string
	records  []kafka.Record
	appended []time.Time
}

// reader is a consumer group's place in a topic.
type reader struct {
	service string
	inbox   *inbox.Processor
	log     *topicLog
	offset  int             // committed: what is before it was delivered
	known   map[string]bool // keys of which something was delivered
	away    bool            // takes nothing for now
}

// connect makes the topics and puts every consumer at their beginning.
func (w *world) connect() {
	w.logs, w.readers, w.mute = map[string]*topicLog{}, nil, map[string]bool{}
	for _, name := range names {
		for _, p := range w.services[name].Processors {
			for _, topic := range p.Topics() {
				w.readers = append(w.readers, &reader{service: name, inbox: p, log: w.topic(topic), known: map[string]bool{}})
			}
		}
	}
}

func (w *world) topic(name string) *topicLog {
	if w.logs[name] == nil {
		w.logs[name] = &topicLog{name: name}
	}
	return w.logs[name]
}

// relay sends up to limit events of a service. One that crashes before it has marked them sends them again.
func (w *world) relay(name string, limit int, crash bool) int {
	w.Helper()
	db := w.services[name].DB
	rows, err := outbox.Unsent(w.ctx, db, limit)
	if err != nil {
		w.Fatalf("outbox of %s: %v", name, err)
	}
	ids := make([]int64, 0, len(rows))
	for _, row := range rows {
		log := w.topic(row.Topic)
		record := row.Record()
		record.Offset = int64(len(log.records))
		log.records, log.appended = append(log.records, record), append(log.appended, w.clock.now())
		ids = append(ids, row.ID)
	}
	if crash {
		return len(rows)
	}
	if err := db.InTx(w.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return outbox.MarkSent(ctx, tx, ids) }); err != nil {
		w.Fatalf("outbox of %s: %v", name, err)
	}
	return len(rows)
}

func (r *reader) waiting() []kafka.Record { return r.log.records[r.offset:] }

// take delivers the next records and, unless the consumer crashes before that, commits the offset behind them.
func (w *world) take(r *reader, count int, crash bool) int {
	w.Helper()
	batch := r.waiting()[:min(count, len(r.waiting()))]
	w.process(r, batch)
	if !crash {
		r.offset += len(batch)
	}
	return len(batch)
}

// replay delivers again what was delivered before.
func (w *world) replay(r *reader, from, to int) {
	w.Helper()
	w.process(r, r.log.records[from:to])
	w.seen.note(duplicates, to > from)
}

// ahead delivers some of the records that wait, in any order, and moves no offset: what it leaves out comes later. Of a
// key that the consumer has never heard of, the first event comes first: the broker keeps a key's order, and what is
// first seen is an inbox's base.
func (w *world) ahead(r *reader, seed uint64) {
	w.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	waiting := r.waiting()
	var batch []kafka.Record
	for _, i := range random.Perm(len(waiting)) {
		if record := waiting[i]; random.IntN(3) > 0 && (r.known[record.Key] || sequence(record) == 1) {
			batch = append(batch, record)
			r.known[record.Key] = true
		}
	}
	for len(batch) > 0 {
		n := 1 + random.IntN(len(batch))
		w.process(r, batch[:n])
		batch = batch[n:]
		w.noteParked(r)
	}
}

func (w *world) process(r *reader, batch []kafka.Record) {
	w.Helper()
	if len(batch) == 0 {
		return
	}
	if err := r.inbox.Process(w.ctx, batch); err != nil {
		w.Fatalf("%s takes %s: %v", r.service, r.log.name, err)
	}
	for _, record := range batch {
		r.known[record.Key] = true
	}
}

// noteParked looks whether something waits for what is missing before it.
func (w *world) noteParked(r *reader) {
	w.Helper()
	parked, err := inbox.List(w.ctx, w.services[r.service].DB, r.service, 100)
	if err != nil {
		w.Fatalf("parked messages of %s: %v", r.service, err)
	}
	for _, m := range parked {
		w.seen.note(gapClosed, m.Reason == "gap") // that it was closed is an invariant
		if m.Reason != "gap" && m.Reason != "behind" {
			w.Errorf("%s refuses %s of %s: %s %s", r.service, m.Headers["ce_type"], m.Key, m.Reason, m.Detail)
		}
	}
}

// passed is the instant up to which a service has handled all that its topics held.
func (w *world) passed(name string) time.Time {
	earliest := w.clock.now()
	for _, r := range w.readers {
		if r.service != name || r.offset == len(r.log.records) {
			continue
		}
		if at := r.log.appended[r.offset].Add(-time.Microsecond); at.Before(earliest) {
			earliest = at
		}
	}
	return earliest
}

func sequence(record kafka.Record) int64 {
	number, err := strconv.ParseInt(record.Headers["ce_sequence"], 10, 64)
	if err != nil {
		return 0 // unnumbered
	}
	return number
}

// reader finds a consumer's place in a topic.
func (w *world) reader(service, topic string) *reader {
	w.Helper()
	for _, r := range w.readers {
		if r.service == service && r.log.name == topic {
			return r
		}
	}
	w.Fatalf("%s does not read %s", service, topic)
	return nil
}
