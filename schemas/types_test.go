package schemas

import (
	"slices"
	"testing"

	"orderflow.example/schemas/internal/compatibility"
)

func TestTypesAreTheEmbeddedSchemas(t *testing.T) {
	types := Types()
	if files := current(t); len(types) != len(files) {
		t.Errorf("%d types of %d schemas", len(types), len(files))
	}
	if !slices.IsSortedFunc(types, func(a, b Type) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}) {
		t.Error("not sorted by name")
	}
	for _, eventType := range types {
		schema, err := compatibility.Parse(eventType.Schema)
		if err != nil {
			t.Fatal(err)
		}
		event, ok := eventType.New().(interface{ RecordName() string })
		if !ok || event.RecordName() != eventType.Name || schema.FullName() != eventType.Name {
			t.Errorf("%s: makes %T of schema %s", eventType.Name, event, schema.FullName())
		}
		if eventType.New() == any(event) {
			t.Errorf("%s: the same event twice", eventType.Name)
		}
	}
}

func TestTypesOfServices(t *testing.T) {
	all := len(Types())
	if n := len(Types("order")) + len(Types("inventory", "payment")) + len(Types("notifier")); n != all {
		t.Errorf("%d types by service, %d in all", n, all)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown service was accepted")
		}
	}()
	Types("orders")
}

func TestServicesWriteTheirOwnTypes(t *testing.T) {
	for service := range events {
		var written []string
		for topic, names := range Writes(service) {
			if topicNamed(topic) == nil {
				t.Errorf("%s writes to %s", service, topic)
			}
			written = append(written, names...)
		}
		for _, name := range written {
			if events[service][name] == nil {
				t.Errorf("%s writes %s, which it has no struct of", service, name)
			}
		}
		if len(written) == 0 {
			t.Errorf("%s writes nothing", service)
		}
	}
}

func TestTopicsHaveTheirDeadLetters(t *testing.T) {
	own := TopicsOf("inventory")
	var names []string
	for _, topic := range own {
		names = append(names, topic.Name)
	}
	if want := []string{InventoryEvents, ProductEvents, "inventory.dlq"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
