package schemas

import (
	"slices"
	"strings"
	"testing"
)

func TestReadersReadWhatThereIs(t *testing.T) {
	var known []string
	for _, e := range Events() {
		known = append(known, e.Name)
		if e.Schema == "" || e.Writer == "" {
			t.Errorf("%s has no schema or no writer", e.Name)
		}
	}
	if len(known) != len(Types()) {
		t.Errorf("%d events, and %d types", len(known), len(Types()))
	}
	lines := 0
	for _, service := range Services() {
		handled := Handled(service)
		lines += len(handled)
		for i, event := range handled {
			if !slices.Contains(known, event) {
				t.Errorf("%s handles %s, which nobody writes", service, event)
			}
			if i > 0 && handled[i-1] == event {
				t.Errorf("%s handles %s twice", service, event)
			}
		}
	}
	for line := range strings.Lines(readersText) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] != "#" {
			lines--
		}
	}
	if lines != 0 {
		t.Errorf("readers.txt has %d lines of a service that there is none of", -lines)
	}
}

func TestABrokenLineOfReadersIsNotPassedOver(t *testing.T) {
	whole := readersText
	t.Cleanup(func() { readersText = whole })
	readersText = "order\n"
	defer func() {
		if recover() == nil {
			t.Error("a broken line was accepted")
		}
	}()
	Handled("order")
}
