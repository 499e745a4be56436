package store

import (
	"cmp"
	"maps"
	"slices"
)

// causalOrder sorts by time, but puts no fact before its cause or before an earlier one of its topic, whatever the services' clocks say. It
// merges the topics, each of which is ordered by its sequences, so its time grows with the number of facts only.
func causalOrder(facts []Fact) []Fact {
	topics := byTopic(facts)
	waiting := make(map[string]bool, len(facts)) // ids of what is not placed yet
	for _, f := range facts {
		waiting[f.EventID] = true
	}
	ordered := make([]Fact, 0, len(facts))
	for len(ordered) < len(facts) {
		next, nextIsFree := -1, false
		for i, topic := range topics {
			if len(topic) == 0 {
				continue
			}
			head := topic[0]
			free := head.CausationID == head.EventID || !waiting[head.CausationID]
			switch {
			case next < 0, free && !nextIsFree: // when all wait in a circle, which broken data could, time decides
				next, nextIsFree = i, free
			case free == nextIsFree && head.OccurredAt.Before(topics[next][0].OccurredAt):
				next = i
			}
		}
		fact := topics[next][0]
		topics[next] = topics[next][1:]
		delete(waiting, fact.EventID)
		ordered = append(ordered, fact)
	}
	return ordered
}

// byTopic has the facts of each topic by sequence, the topics by name.
func byTopic(facts []Fact) [][]Fact {
	named := map[string][]Fact{}
	for _, f := range facts {
		named[f.Topic] = append(named[f.Topic], f)
	}
	topics := make([][]Fact, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		slices.SortStableFunc(named[name], func(a, b Fact) int { return cmp.Compare(a.Sequence, b.Sequence) })
		topics = append(topics, named[name])
	}
	return topics
}
