package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"orderflow.example/schemas"
)

// topic is a topic with its events.
type topic struct {
	schemas.Topic
	Readers []string
	Events  []event
}

// event is an event type as the catalogue shows it.
type event struct {
	schemas.Event
	Short   string // name without the namespace
	Doc     string
	Key     string // the field that is the record's key
	Fields  []field
	Example map[string]any
}

// field is a line of an event's table. Those of nested records follow the one that holds them.
type field struct {
	Path, Type, Doc string
	Personal        bool
	Secret          bool
	Symbols         []string
}

// keyMark in a field's doc says that it is the key of the event's record.
const keyMark = "the event's key"

func collect() ([]topic, error) {
	var topics []topic
	for _, t := range schemas.Topics {
		one := topic{Topic: t}
		for _, e := range schemas.Events() {
			if e.Topic != t.Name {
				continue
			}
			shown, err := describe(e)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
			one.Events = append(one.Events, shown)
			for _, reader := range e.Readers {
				if !slices.Contains(one.Readers, reader) {
					one.Readers = append(one.Readers, reader)
				}
			}
		}
		slices.Sort(one.Readers)
		topics = append(topics, one)
	}
	return topics, nil
}

// record and its parts are an Avro schema as the .avsc files write it: a nested type stands where it is used first.
type record struct {
	Name   string        `json:"name"`
	Doc    string        `json:"doc"`
	Fields []recordField `json:"fields"`
}

type recordField struct {
	Name      string          `json:"name"`
	Type      json.RawMessage `json:"type"`
	Doc       string          `json:"doc"`
	PII       bool            `json:"pii"`
	Sensitive bool            `json:"sensitive"`
}

type complexType struct {
	Type        string          `json:"type"`
	LogicalType string          `json:"logicalType"`
	Items       json.RawMessage `json:"items"`
	Symbols     []string        `json:"symbols"`
	record
}

func describe(e schemas.Event) (event, error) {
	var schema record
	if err := json.Unmarshal([]byte(e.Schema), &schema); err != nil {
		return event{}, err
	}
	shown := event{Event: e, Short: schema.Name, Doc: schema.Doc, Example: map[string]any{}}
	for _, f := range schema.Fields {
		if strings.Contains(f.Doc, keyMark) {
			shown.Key += f.Name
		}
	}
	if shown.Key == "" || fieldNamed(schema, shown.Key) == nil {
		return event{}, fmt.Errorf("the doc of one field, and of one only, must say %q", keyMark)
	}
	v := visitor{event: schema.Name, known: map[string]complexType{}}
	if err := v.record(schema, "", shown.Example); err != nil {
		return event{}, err
	}
	shown.Fields = v.fields
	return shown, nil
}

func fieldNamed(r record, name string) *recordField {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return &r.Fields[i]
		}
	}
	return nil
}

// visitor lists the fields of a record and fills an example of it.
type visitor struct {
	event  string
	known  map[string]complexType // named types that were met
	fields []field
}

func (v *visitor) record(r record, path string, example map[string]any) error {
	for _, f := range r.Fields {
		at := len(v.fields)
		v.fields = append(v.fields, field{Path: path + f.Name, Doc: f.Doc, Personal: f.PII, Secret: f.Sensitive})
		kind, value, err := v.value(f.Name, f.Type, path+f.Name)
		if err != nil {
			return fmt.Errorf("field %s: %w", path+f.Name, err)
		}
		v.fields[at].Type = kind.shown
		v.fields[at].Symbols = kind.symbols
		example[f.Name] = value
	}
	return nil
}

// kind is a type in words.
type kind struct {
	shown   string
	symbols []string
}

// value tells the type of a field and makes an example of it.
func (v *visitor) value(name string, text json.RawMessage, path string) (kind, any, error) {
	var union []json.RawMessage
	if json.Unmarshal(text, &union) == nil { // null and one other type, as a test holds
		inner, value, err := v.value(name, union[len(union)-1], path)
		inner.shown += " or null"
		return inner, value, err
	}
	var simple string
	if json.Unmarshal(text, &simple) == nil {
		if named, ok := v.known[simple]; ok {
			return v.complex(name, named, path)
		}
		value, err := sample(v.event, name, simple)
		return kind{shown: simple}, value, err
	}
	var complex complexType
	if err := json.Unmarshal(text, &complex); err != nil {
		return kind{}, nil, err
	}
	if complex.Name != "" {
		v.known[complex.Name] = complex
	}
	return v.complex(name, complex, path)
}

func (v *visitor) complex(name string, t complexType, path string) (kind, any, error) {
	switch t.Type {
	case "array":
		inner, value, err := v.value(name, t.Items, path+"[]")
		inner.shown = "array of " + inner.shown
		return inner, []any{value}, err
	case "record":
		example := map[string]any{}
		return kind{shown: t.Name}, example, v.record(t.record, path+".", example)
	case "enum":
		value, err := sampleSymbol(v.event, name, t.Symbols)
		return kind{shown: t.Name, symbols: t.Symbols}, value, err
	}
	value, err := sample(v.event, name, t.Type)
	if t.LogicalType != "" {
		return kind{shown: t.LogicalType}, value, err
	}
	return kind{shown: t.Type}, value, err
}
