package kafka

import (
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestPositionsKeepAMarkUntilItIsReached(t *testing.T) {
	p := partition{"orders", 0}
	first := time.Unix(1, 0)
	ps := newPositions()
	ps.assign(p)
	lags := map[int]int64{}
	see := func(second int, end int64) {
		ps.see(p, end, time.Unix(int64(second), 0), func(lag int64) { lags[second] = lag })
	}
	handled := func(next int64) { ps.advance([]delivered{{from: p, next: next}}) }

	see(1, 10)
	if _, known := lags[1]; known || len(ps.reached()) != 0 {
		t.Error("the position is not known yet, but there is a lag or a mark reached")
	}
	ps.start(p, 3)
	see(2, 20) // comes while the first is ahead, as it does under load
	handled(9)
	if len(ps.reached()) != 0 {
		t.Error("a mark is reached one record too early")
	}
	handled(12)
	if at := ps.reached()[p]; !at.Equal(first) {
		t.Errorf("reached is %v, want the first look", at)
	}
	if len(ps.reached()) != 0 {
		t.Error("a mark is reached twice")
	}
	see(3, 12)
	see(4, 12) // nothing new: the later look counts
	if at := ps.reached()[p]; !at.Equal(time.Unix(4, 0)) {
		t.Errorf("reached is %v, want the last look", at)
	}
	if lags[2] != 17 || lags[3] != 0 {
		t.Errorf("lags are %v", lags)
	}
	ps.revoke(p, func() {})
	see(5, 12)
	if len(ps.reached()) != 0 || len(ps.assigned()) != 0 {
		t.Error("a revoked partition is still there")
	}
}

// A commit that was given up may be answered when the partition has come back, before anything of it is handled.
func TestPositionsCommitNothingBeforeItIsHandled(t *testing.T) {
	p := partition{"orders", 0}
	ps := newPositions()
	ps.assign(p)
	ps.setCommitted([]ck.TopicPartition{{Topic: &p.topic, Partition: p.id, Offset: 7}})
	if list := ps.uncommitted(nil); len(list) != 0 {
		t.Errorf("to be committed: %v", list)
	}
	ps.advance([]delivered{{from: p, next: 9}})
	if list := ps.uncommitted(nil); len(list) != 1 || list[0].Offset != 9 {
		t.Errorf("to be committed: %v, want offset 9", list)
	}
}
