package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestCausalOrder(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 11, 2, 12, 0, second, 0, time.UTC) }
	fact := func(id, topic string, sequence int64, second int, cause string) Fact {
		return Fact{EventID: id, Topic: topic, Sequence: sequence, OccurredAt: at(second), CausationID: cause}
	}
	for name, tt := range map[string]struct {
		facts []Fact
		want  []string
	}{
		"none":                        {nil, nil},
		"by time":                     {[]Fact{fact("a", "x", 1, 5, ""), fact("b", "y", 1, 3, ""), fact("c", "z", 1, 4, "")}, []string{"b", "c", "a"}},
		"at one time by topic":        {[]Fact{fact("b", "y", 1, 1, ""), fact("a", "x", 1, 1, "")}, []string{"a", "b"}},
		"a topic by sequence":         {[]Fact{fact("a", "x", 2, 1, ""), fact("b", "x", 1, 2, "")}, []string{"b", "a"}},
		"after its cause":             {[]Fact{fact("a", "x", 1, 9, ""), fact("b", "y", 1, 1, "a")}, []string{"a", "b"}},
		"its cause is not among them": {[]Fact{fact("a", "x", 1, 9, ""), fact("b", "y", 1, 1, "elsewhere")}, []string{"b", "a"}},
		"its own cause":               {[]Fact{fact("a", "x", 1, 9, ""), fact("b", "y", 1, 1, "b")}, []string{"b", "a"}},
		"a circle":                    {[]Fact{fact("a", "x", 1, 9, "b"), fact("b", "y", 1, 1, "a"), fact("c", "z", 1, 10, "")}, []string{"c", "b", "a"}},
		"behind one that waits":       {[]Fact{fact("a", "x", 1, 9, ""), fact("b", "y", 1, 2, "a"), fact("c", "y", 2, 1, "")}, []string{"a", "b", "c"}},
	} {
		var got []string
		for _, f := range causalOrder(tt.facts) {
			got = append(got, f.EventID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Each of 20,000 facts caused the next one, in any topic, by clocks that run backwards. The square of that would take minutes.
func TestCausalOrderOfManyFacts(t *testing.T) {
	const n = 20_000
	facts, sequences := make([]Fact, n), map[string]int64{}
	for i := range facts {
		topic := fmt.Sprint("t", rand.IntN(3))
		sequences[topic]++
		facts[i] = Fact{EventID: fmt.Sprint(i), Topic: topic, Sequence: sequences[topic], CausationID: fmt.Sprint(i - 1), OccurredAt: time.Unix(int64(n-i), 0)}
	}
	shuffled := slices.Clone(facts)
	rand.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	began := time.Now()
	got := causalOrder(shuffled)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if !slices.Equal(got, facts) {
		t.Error("not in the order in which they were caused")
	}
}
