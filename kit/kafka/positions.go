package kafka

import (
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const unknown = int64(-1)

// position is how far an assigned partition has been handled.
type position struct {
	next      int64 // the next offset to handle; unknown until the first record or the end of the partition is seen
	handled   int64 // the offset to commit; unknown until this member has handled a record
	committed int64
	mark      *mark
}

// mark is the end that a partition had at an instant, and that its position has not reached yet.
type mark struct {
	end int64
	at  time.Time
}

// positions is shared by the goroutines of a member.
type positions struct {
	mu sync.Mutex
	of map[partition]*position
}

func newPositions() *positions { return &positions{of: map[partition]*position{}} }

func (ps *positions) assign(p partition) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.of[p] = &position{next: unknown, handled: unknown, committed: unknown}
}

// revoke forgets the partition. It calls done under the lock, so that nothing is seen of the partition after that.
func (ps *positions) revoke(p partition, done func()) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.of, p)
	done()
}

func (ps *positions) assigned() []ck.TopicPartition {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := make([]ck.TopicPartition, 0, len(ps.of))
	for p := range ps.of {
		list = append(list, ck.TopicPartition{Topic: &p.topic, Partition: p.id})
	}
	return list
}

// start sets the position to that of the first record which came.
func (ps *positions) start(p partition, offset int64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if pos := ps.of[p]; pos != nil && pos.next == unknown {
		pos.next = offset
	}
}

// advance moves the positions beyond what was handled.
func (ps *positions) advance(batch []delivered) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for i := range batch {
		pos := ps.of[batch[i].from]
		if pos == nil {
			continue
		}
		pos.next = batch[i].next
		if !batch[i].end {
			pos.handled = batch[i].next
		}
	}
}

// uncommitted returns the offsets to commit, of all partitions when only is nil.
func (ps *positions) uncommitted(only map[partition]bool) []ck.TopicPartition {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var list []ck.TopicPartition
	for p, pos := range ps.of {
		if pos.handled != unknown && pos.handled != pos.committed && (only == nil || only[p]) {
			list = append(list, ck.TopicPartition{Topic: &p.topic, Partition: p.id, Offset: ck.Offset(pos.handled)})
		}
	}
	return list
}

func (ps *positions) setCommitted(list []ck.TopicPartition) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range list {
		if pos := ps.of[partitionOf(p)]; pos != nil && p.Error == nil {
			pos.committed = int64(p.Offset)
		}
	}
}

// see takes note of a partition's end at an instant. While a mark is not reached it stays: under load a later one would
// always be ahead. If the position is known, see calls lag under the lock with what lies between it and the end.
func (ps *positions) see(p partition, end int64, at time.Time, lag func(int64)) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	pos := ps.of[p]
	if pos == nil {
		return
	}
	if pos.mark == nil || pos.next >= end {
		pos.mark = &mark{end: end, at: at}
	}
	if pos.next != unknown {
		lag(max(0, end-pos.next))
	}
}

// reached takes and returns the marks that the positions have reached.
func (ps *positions) reached() map[partition]time.Time {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	marks := map[partition]time.Time{}
	for p, pos := range ps.of {
		if pos.mark != nil && pos.next != unknown && pos.next >= pos.mark.end {
			marks[p] = pos.mark.at
			pos.mark = nil
		}
	}
	return marks
}
