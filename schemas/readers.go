package schemas

import (
	_ "embed" // for readers.txt
	"slices"
	"strings"
)

//go:embed readers.txt
var readersText string

// Handled lists the event types that a service acts on, by name.
func Handled(service string) []string {
	var types []string
	for line := range strings.Lines(readersText) {
		columns := strings.Fields(line)
		switch {
		case len(columns) == 0 || columns[0] == "#":
		case len(columns) != 2:
			panic("schemas: readers.txt: " + line)
		case columns[0] == service:
			types = append(types, columns[1])
		}
	}
	slices.Sort(types)
	return types
}

// Event is an event type with all that this module knows of it.
type Event struct {
	Type
	Topic    string
	Writer   string   // the service that emits it
	Readers  []string // the services that act on it
	Consumed string   // release that reads it first
	Emitted  string   // release that emits it first, "-" while none does
}

// Events lists every event type by topic, in the order of Topics, then by name.
func Events() []Event {
	schemas := make(map[string]Type)
	for _, t := range Types() {
		schemas[t.Name] = t
	}
	var all []Event
	for _, topic := range Topics {
		var here []Event
		for _, f := range facts() {
			if f.where == topic.Name {
				here = append(here, Event{schemas[f.what], topic.Name, topic.Service, readersOf(f.what), f.consumed, f.emitted})
			}
		}
		slices.SortFunc(here, func(a, b Event) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, here...)
	}
	return all
}

func readersOf(event string) []string {
	var readers []string
	for _, service := range Services() {
		if slices.Contains(Handled(service), event) {
			readers = append(readers, service)
		}
	}
	return readers
}

// Services lists the services that write events, by name.
func Services() []string {
	var all []string
	for _, t := range Topics {
		if !slices.Contains(all, t.Service) {
			all = append(all, t.Service)
		}
	}
	slices.Sort(all)
	return all
}
