package kafka

import (
	"context"
	"strconv"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	endsPeriod  = 500 * time.Millisecond // between two looks at the ends of the partitions
	endsTimeout = 2 * time.Second
)

// watchEnds asks the brokers for the ends of the assigned partitions, for the lag and for Passed.
//
// The instant of a look is taken before it is sent. The answer covers every record that was acknowledged before that:
// a leader answers only once its high watermark has caught up with what earlier leaders acknowledged. So when the
// position has reached that end, the partition is handled up to that instant. Ends seen by the way in fetch responses
// would not do: nothing says how old they are (partitions that are paused or have enough queued are not fetched), and
// a new leader's may be too low for a moment.
func (m *member) watchEnds(ctx context.Context) {
	admin, err := ck.NewAdminClientFromConsumer(m.client)
	if err != nil {
		m.cfg.Log.Error("kafka partition ends can't be watched", "error", err)
		return
	}
	defer admin.Close()
	for looks := 0; ctx.Err() == nil; looks++ {
		// Every second time only see whether the last ends are reached: under load that is a moment after the look.
		if looks%2 == 0 {
			m.lookAtEnds(ctx, admin)
		}
		if m.cfg.Passed != nil {
			for p, at := range m.positions.reached() {
				m.cfg.Passed(m.topicOf(p), p.id, at)
			}
		}
		select {
		case <-time.After(endsPeriod / 2):
		case <-ctx.Done():
		}
	}
}

func (m *member) lookAtEnds(ctx context.Context, admin *ck.AdminClient) {
	specs := map[ck.TopicPartition]ck.OffsetSpec{}
	for _, p := range m.positions.assigned() {
		specs[p] = ck.LatestOffsetSpec
	}
	if len(specs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endsTimeout)
	defer cancel()
	at := time.Now()
	// Not read_committed: an open transaction of somebody else's must not hide a record of ours.
	result, err := admin.ListOffsets(ctx, specs,
		ck.SetAdminIsolationLevel(ck.IsolationLevelReadUncommitted), ck.SetAdminRequestTimeout(endsTimeout))
	if err != nil {
		m.cfg.Log.Debug("kafka partition ends not seen", "error", err)
		return
	}
	for tp, info := range result.ResultInfos {
		if info.Error.Code() != ck.ErrNoError {
			m.cfg.Log.Debug("kafka partition end not seen", "topic", *tp.Topic, "partition", tp.Partition, "error", info.Error)
			continue
		}
		p := partitionOf(tp)
		m.positions.see(p, int64(info.Offset), at, func(lag int64) {
			m.metrics.lag.WithLabelValues(m.lagLabels(p)...).Set(float64(lag))
		})
	}
}

func (m *member) lagLabels(p partition) []string {
	return []string{m.topicOf(p), strconv.Itoa(int(p.id)), m.cfg.Group}
}
