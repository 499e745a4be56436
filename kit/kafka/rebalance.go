package kafka

import (
	"slices"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// rebalance is called by client.Poll, and by client.Close.
func (m *member) rebalance(_ *ck.Consumer, event ck.Event) error {
	switch event := event.(type) {
	case ck.AssignedPartitions:
		m.assigned(event.Partitions)
	case ck.RevokedPartitions:
		m.revoked(event.Partitions)
	}
	return nil // the client ignores it
}

func (m *member) assigned(partitions []ck.TopicPartition) {
	if err := m.client.IncrementalAssign(partitions); err != nil {
		m.cfg.Log.Error("kafka partitions could not be assigned", "partitions", len(partitions), "error", err)
		return
	}
	for _, p := range partitions {
		m.positions.assign(partitionOf(p))
	}
	if m.paused {
		m.pausePartitions(partitions)
	}
	m.ready.Store(true)
	m.cfg.Log.Info("kafka partitions assigned", "partitions", len(partitions))
}

// revoked commits what was handled of the partitions and forgets what was not: the next owner gets it. Lost partitions
// (the member was thrown out of the group) are another's already, and what was handled of them will be handled again.
func (m *member) revoked(partitions []ck.TopicPartition) {
	lost := m.client.AssignmentLost()
	gone := make(map[partition]bool, len(partitions))
	for _, p := range partitions {
		gone[partitionOf(p)] = true
	}
	if lost {
		m.ready.Store(false)
	} else {
		m.commitGone(gone)
	}
	m.queue = slices.DeleteFunc(m.queue, func(d delivered) bool { return gone[d.from] })
	for p := range gone {
		m.positions.revoke(p, func() { m.metrics.lag.DeleteLabelValues(m.lagLabels(p)...) })
	}
	if err := m.client.IncrementalUnassign(partitions); err != nil {
		m.cfg.Log.Error("kafka partitions could not be unassigned", "partitions", len(partitions), "error", err)
	}
	m.cfg.Log.Info("kafka partitions revoked", "partitions", len(partitions), "lost", lost)
}

// commitGone commits what was handled of partitions that are about to go. librdkafka repeats a commit for as long as no
// broker answers, and meanwhile this member neither takes part in the rebalance nor sees that it should end; so
// commitGone waits for a while only, and the commit goes on behind it. What it does not commit in time, the next owner
// gets again.
func (m *member) commitGone(gone map[partition]bool) {
	if m.leaving { // leave bounds all, and the client must not be closed under a commit
		m.commits.flush(gone)
		return
	}
	done := make(chan struct{})
	m.background.Go(func() {
		defer close(done)
		m.commits.flush(gone)
	})
	select {
	case <-done:
	case <-time.After(revokeTime):
		m.cfg.Log.Warn("kafka brokers do not answer, partitions go without a commit",
			"partitions", len(gone), "after", revokeTime.String())
	}
}

func (m *member) pause() {
	if !m.paused {
		m.paused = true
		m.pausePartitions(m.positions.assigned())
	}
}

func (m *member) resume() {
	if !m.paused {
		return
	}
	m.paused = false
	if err := m.client.Resume(m.positions.assigned()); err != nil {
		m.cfg.Log.Error("kafka partitions could not be resumed", "error", err)
	}
}

func (m *member) pausePartitions(partitions []ck.TopicPartition) {
	if err := m.client.Pause(partitions); err != nil {
		// Only memory suffers: what comes all the same queues up behind the held batch.
		m.cfg.Log.Warn("kafka partitions could not be paused", "error", err)
	}
}
