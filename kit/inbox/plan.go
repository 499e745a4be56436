package inbox

import (
	"slices"
	"time"
)

// plan is what becomes of the messages of a batch.
type plan struct {
	apply   []*item // given to the handler, in order
	park    []parking
	update  []parking // of rows that are parked already and were refused again
	remove  []int64   // parked rows that are done
	due     []int64   // parked rows whose turn it is now
	wake    bool      // a message that the plan parks has its turn already
	wait    []int64   // parked rows that were tried before their turn
	seen    []string
	touched []*laneState

	late []*item // the first seen of their key, and not its first

	duplicates, ignored int
}

// parking is a message to be parked.
type parking struct {
	*item
	reason   string
	detail   string
	attempts int
	dead     bool
	next     *time.Time // nil: when what is before it was applied
}

// planner makes a plan; it follows the messages in order, so that each meets the lane as the one before leaves it.
type planner struct {
	plan
	state       *state
	now         func() time.Time
	compacted   map[string]bool
	maxAttempts int
	backoff     func(attempt int) time.Duration
}

func (p *planner) run(items []*item) {
	for _, it := range items {
		s := p.state.lanes[it.lane]
		if it.parkedID != 0 {
			p.parked(it, s)
		} else {
			p.fresh(it, s)
		}
	}
	for _, s := range p.state.lanes {
		if s.dirty {
			p.touched = append(p.touched, s)
		}
	}
}

// fresh plans a message from the broker.
func (p *planner) fresh(it *item, s *laneState) {
	if p.done(it, s) || s.find(it.Sequence, it.ID) != nil {
		p.duplicates++
		return
	}
	if it.Sequence > 0 && !s.known && !p.compacted[it.lane.topic] {
		s.known, s.dirty, s.last = true, true, it.Sequence-1 // an unknown key: the first seen is the base
		if it.Sequence > 1 {
			p.late = append(p.late, it)
		}
	}
	if p.hasTurn(it, s) {
		p.take(it, s)
		return
	}
	reason := reasonGap
	if s.head(it.Sequence > 0) != nil {
		reason = reasonBehind
	}
	p.park = append(p.park, parking{item: it, reason: reason})
	s.parked = append(s.parked, parkedRef{sequence: it.Sequence, eventID: it.ID, waiting: true})
	slices.SortStableFunc(s.parked, bySequence)
}

// parked plans a message that is parked, on a new try.
func (p *planner) parked(it *item, s *laneState) {
	i := slices.IndexFunc(s.parked, func(ref parkedRef) bool { return ref.id == it.parkedID })
	switch {
	case i < 0 || !s.parked[i].waiting: // another replica was faster
	case p.done(it, s):
		p.remove = append(p.remove, it.parkedID)
		s.remove(it.parkedID)
		p.duplicates++
	case p.hasTurn(it, s):
		p.take(it, s)
	default:
		p.wait = append(p.wait, it.parkedID)
	}
}

// done tells whether the message was applied before.
func (p *planner) done(it *item, s *laneState) bool {
	if it.Sequence > 0 {
		return s.known && it.Sequence <= s.last
	}
	return it.ID != "" && p.state.seen[it.ID]
}

// hasTurn tells whether everything before the message in its lane was applied.
func (p *planner) hasTurn(it *item, s *laneState) bool {
	if it.Sequence > 0 && !p.compacted[it.lane.topic] {
		return it.Sequence == s.last+1
	}
	head := s.head(it.Sequence > 0)
	return head == nil || it.parkedID != 0 && head.id == it.parkedID
}

// take applies a message whose turn it is, or parks it for its trouble.
func (p *planner) take(it *item, s *laneState) {
	if it.trouble != nil {
		p.refuse(it, s)
		return
	}
	if it.ignored {
		p.ignored++
	} else {
		p.apply = append(p.apply, it)
	}
	if it.Sequence > 0 {
		s.known, s.dirty, s.last = true, true, it.Sequence
	} else if !it.ignored {
		p.seen = append(p.seen, it.ID)
		p.state.seen[it.ID] = true
	}
	if it.parkedID != 0 {
		p.remove = append(p.remove, it.parkedID)
		s.remove(it.parkedID)
	}
	if next := s.head(it.Sequence > 0); next != nil && next.waiting &&
		(it.Sequence == 0 || p.compacted[it.lane.topic] || next.sequence == s.last+1) {
		p.makeDue(it.lane, next)
	}
}

// makeDue gives the turn to a parked message, which may have been parked by this very plan.
func (p *planner) makeDue(l lane, next *parkedRef) {
	if next.id != 0 {
		p.due = append(p.due, next.id)
		return
	}
	for i := range p.park {
		if parked := &p.park[i]; parked.lane == l && parked.Sequence == next.sequence && parked.ID == next.eventID {
			now := p.now()
			parked.next = &now
			p.wake = true
		}
	}
}

func (p *planner) refuse(it *item, s *laneState) {
	attempts := it.attempts + 1
	parking := parking{item: it, reason: it.trouble.reason, detail: it.trouble.cause.Error(), attempts: attempts,
		dead: it.trouble.final || attempts >= p.maxAttempts}
	if !parking.dead {
		next := p.now().Add(p.backoff(attempts))
		parking.next = &next
	}
	if it.parkedID != 0 {
		p.update = append(p.update, parking)
		return
	}
	p.park = append(p.park, parking)
	s.parked = append(s.parked, parkedRef{sequence: it.Sequence, eventID: it.ID})
	slices.SortStableFunc(s.parked, bySequence)
}
