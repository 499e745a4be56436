package schemas

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/notificationv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// Type is an event type: what a codec needs to know of it.
type Type struct {
	Name   string     // full record name
	Schema string     // text of the .avsc file
	New    func() any // makes an empty event, a pointer to the generated struct
}

// events are the constructors of each service's events, by the folder of avsc/.
var events = map[string]map[string]func() any{
	"order":     orderv1.Events,
	"inventory": inventoryv1.Events,
	"payment":   paymentv1.Events,
	"notifier":  notificationv1.Events,
}

// Types lists the event types that the named services ("order", "inventory", "payment", "notifier") write, or all services
// when none is named, in the order of their names. It panics for a service that there is none of.
func Types(services ...string) []Type {
	if len(services) == 0 {
		services = slices.Sorted(maps.Keys(events))
	}
	var types []Type
	for _, service := range services {
		constructors, ok := events[service]
		if !ok {
			panic(fmt.Sprintf("schemas: there is no service %q", service))
		}
		for name, constructor := range constructors {
			types = append(types, Type{Name: name, Schema: read(service, name), New: constructor})
		}
	}
	slices.SortFunc(types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return types
}

// read panics when a generated event has no schema in the binary: go generate was not run.
func read(service, name string) string {
	text, err := Files.ReadFile(path.Join("avsc", service, name[strings.LastIndex(name, ".")+1:]+".avsc"))
	if err != nil {
		panic(fmt.Sprintf("schemas: %s: %v", name, err))
	}
	return string(text)
}
