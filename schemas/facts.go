package schemas

import (
	_ "embed" // for facts.txt
	"strings"
)

//go:embed facts.txt
var factsText string

// fact is a line of facts.txt.
type fact struct {
	where    string // topic of an event type, full name of a symbol's enum
	what     string // full name of the event type, or the symbol
	consumed string // release that reads it first
	emitted  string // release that emits it first, "-" while none does
}

// facts reads the table. It panics for a line that is not of its form, as it is part of the program.
func facts() []fact {
	var all []fact
	for line := range strings.Lines(factsText) {
		columns := strings.Fields(line)
		switch {
		case len(columns) == 0 || columns[0] == "#":
		case len(columns) == 4:
			all = append(all, fact{columns[0], columns[1], columns[2], columns[3]})
		default:
			panic("schemas: facts.txt: " + line)
		}
	}
	return all
}

// Writes gives what this release of a service emits: topics, each with the full record names of its event types. Types
// that it only consumes so far are not among them.
func Writes(service string) map[string][]string {
	writes := make(map[string][]string)
	for _, topic := range Topics {
		if topic.Service != service {
			continue
		}
		for _, f := range facts() {
			if f.where == topic.Name && f.emitted != "-" {
				writes[topic.Name] = append(writes[topic.Name], f.what)
			}
		}
	}
	return writes
}
