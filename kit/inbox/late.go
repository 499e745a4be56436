package inbox

import (
	"context"
	"time"
)

// lateLogEvery is the least time between two lines about keys that began late: a new consumer of an old topic meets
// thousands, whose beginning the topic no longer keeps.
const lateLogEvery = time.Minute

// reportLate tells of keys that were met in the middle. What was before counts as applied, so that it would be skipped
// as a duplicate if it came now: right where the topic no longer keeps it, and a loss otherwise.
func (p *Processor) reportLate(ctx context.Context, late []*item) {
	if len(late) == 0 {
		return
	}
	p.metrics.firstSeenGaps.Add(float64(len(late)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late += len(late)
	if now := time.Now(); now.Sub(p.lateLogged) >= lateLogEvery {
		last := late[len(late)-1]
		p.cfg.Log.WarnContext(ctx, "keys begin with a message that is not their first", "consumer", p.cfg.Group, "keys", p.late,
			"topic", last.Topic, "partition", last.Partition, "offset", last.Offset, "key", last.Key, "sequence", last.Sequence)
		p.late, p.lateLogged = 0, now
	}
}
