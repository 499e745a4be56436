package schemas

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"orderflow.example/schemas/internal/compatibility"
)

// factsIn tells the facts of a tree of schemas: event types, as "<full name>", and symbols, as "<enum> <symbol>".
func factsIn(t *testing.T, tree map[string]string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for event, text := range tree {
		schema, err := compatibility.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", event, err)
		}
		found[schema.FullName()] = true
		walk(schema, func(s avro.Schema) {
			if enum, ok := s.(*avro.EnumSchema); ok {
				for _, symbol := range enum.Symbols() {
					if symbol != enum.Default() { // nobody emits it
						found[enum.FullName()+" "+symbol] = true
					}
				}
			}
		})
	}
	return found
}

// walk visits a schema and all schemas in it.
func walk(s avro.Schema, visit func(avro.Schema)) {
	s = compatibility.Dereference(s)
	visit(s)
	switch s := s.(type) {
	case *avro.RecordSchema:
		for _, f := range s.Fields() {
			walk(f.Type(), visit)
		}
	case *avro.ArraySchema:
		walk(s.Items(), visit)
	case *avro.MapSchema:
		walk(s.Values(), visit)
	case *avro.UnionSchema:
		for _, t := range s.Types() {
			walk(t, visit)
		}
	}
}

// key is a fact as factsIn names it.
func (f fact) key() string {
	if topicNamed(f.where) != nil {
		return f.what
	}
	return f.where + " " + f.what
}

func topicNamed(name string) *Topic {
	i := slices.IndexFunc(Topics, func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &Topics[i]
}

func TestFactsAreThoseOfTheSchemas(t *testing.T) {
	missing := factsIn(t, current(t))
	for _, f := range facts() {
		if !missing[f.key()] {
			t.Errorf("facts.txt has %s %s twice, or no schema has it", f.where, f.what)
		}
		delete(missing, f.key())
	}
	for f := range missing {
		t.Errorf("facts.txt lacks %s", f)
	}
}

func TestFactsAreConsumedOneReleaseBeforeTheyAreEmitted(t *testing.T) {
	releases := released(t)
	since := make(map[string]string) // fact to the first release whose schemas have it
	for _, version := range slices.Backward(releases) {
		for f := range factsIn(t, ofRelease(t, version)) {
			since[f] = version
		}
	}
	for _, f := range facts() {
		if err := f.check(releases, since[f.key()]); err != nil {
			t.Errorf("%s %s: %v", f.where, f.what, err)
		}
	}
}

// check holds a fact against the releases, oldest first; since is the first whose schemas have it, if one does.
func (f fact) check(releases []string, since string) error {
	order := append(slices.Clone(releases), "next")
	if since == "" {
		since = "next"
	}
	consumed, emitted := slices.Index(order, f.consumed), slices.Index(order, f.emitted)
	bootstrap := consumed == 0 && emitted == 0 // no older release reads the first one's events
	switch {
	case f.consumed != since:
		return fmt.Errorf("consumed since %s, but its schema is of %s", f.consumed, since)
	case f.emitted == "-":
		return nil
	case emitted < 0:
		return fmt.Errorf("emitted since %q, which is no release", f.emitted)
	case emitted <= consumed && !bootstrap:
		return fmt.Errorf("emitted since %s, and consumed only since %s: an older release may meet it", f.emitted, f.consumed)
	}
	return nil
}

func TestFactCheck(t *testing.T) {
	releases := []string{"v0.1.0", "v0.2.0", "v0.10.0"}
	for _, test := range []struct {
		name, consumed, emitted, since string
		ok                             bool
	}{
		{"first release", "v0.1.0", "v0.1.0", "v0.1.0", true},
		{"a release later", "v0.1.0", "v0.2.0", "v0.1.0", true},
		{"ten releases later", "v0.2.0", "v0.10.0", "v0.2.0", true},
		{"in the making", "v0.10.0", "next", "v0.10.0", true},
		{"not yet", "v0.2.0", "-", "v0.2.0", true},
		{"new and not yet", "next", "-", "", true},
		{"new and at once", "next", "next", "", false},
		{"same release", "v0.2.0", "v0.2.0", "v0.2.0", false},
		{"a release before", "v0.2.0", "v0.1.0", "v0.2.0", false},
		{"new, said to be old", "v0.1.0", "next", "", false},
		{"old, said to be new", "next", "-", "v0.2.0", false},
		{"before its schema", "v0.1.0", "v0.2.0", "v0.2.0", false},
		{"no such release", "v0.2.0", "v0.3.0", "v0.2.0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := fact{"order.events", "x", test.consumed, test.emitted}.check(releases, test.since)
			if (err == nil) != test.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// A record in two topics would have two subjects with histories of their own.
func TestEventTypesBelongToOneTopicOfTheirService(t *testing.T) {
	topicOf := make(map[string]string)
	for _, f := range facts() {
		if topicNamed(f.where) == nil {
			if strings.HasSuffix(f.where, ".events") {
				t.Errorf("%s is not in Topics", f.where)
			}
			continue
		}
		if other, twice := topicOf[f.what]; twice {
			t.Errorf("%s is in %s and in %s", f.what, other, f.where)
		}
		topicOf[f.what] = f.where
	}
	for event, text := range current(t) {
		schema, err := compatibility.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		topic := topicNamed(topicOf[schema.FullName()])
		if topic == nil {
			t.Errorf("%s has no topic in facts.txt", event)
			continue
		}
		if topic.Service != path.Dir(event) {
			t.Errorf("%s is of %s, and its topic %s of %s", event, path.Dir(event), topic.Name, topic.Service)
		}
		if state := schema.Name() == "ProductChanged"; topic.Compacted != state {
			t.Errorf("%s: a compacted topic keeps only the last event of a key: it holds full states, and nothing else", event)
		}
	}
}

func TestWritesIsWhatIsEmitted(t *testing.T) {
	whole := factsText
	t.Cleanup(func() { factsText = whole })
	factsText = `
# comment
order.events      a.Emitted   v0.1.0  v0.1.0
order.events      a.Soon      v0.1.0  next
order.events      a.NotYet    next    -
inventory.events  a.Other     v0.1.0  v0.1.0
a.Status          PAID        v0.1.0  v0.1.0
`
	got := Writes("order")
	if len(got) != 1 || !slices.Equal(got[OrderEvents], []string{"a.Emitted", "a.Soon"}) {
		t.Errorf("got %v", got)
	}
	factsText = "order.events a.B v0.1.0"
	defer func() {
		if recover() == nil {
			t.Error("a broken line was accepted")
		}
	}()
	facts()
}
