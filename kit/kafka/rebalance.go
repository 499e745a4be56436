package kafka

import (
	"slices"

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
		m.commits.flush(gone)
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
