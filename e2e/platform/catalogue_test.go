package platform

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"orderflow.example/dev/registry"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/service"
	"orderflow.example/schemas"
)

// The examples of the catalogue of events are events: they go through the services' own codec and come out as they were.
func TestExamplesOfTheCatalogueAreEvents(t *testing.T) {
	r, err := registry.Start(registry.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	codec, err := avro.NewCodec(avro.Config{RegistryURL: r.URL(), Register: true}, service.Types(schemas.Types()))
	if err != nil {
		t.Fatal(err)
	}
	examples := catalogueExamples(t)
	for _, e := range schemas.Events() {
		t.Run(e.Name, func(t *testing.T) {
			event := e.New()
			if err := fill(reflect.ValueOf(event).Elem(), examples[e.Name]); err != nil {
				t.Fatal(err)
			}
			if err := codec.Resolve(t.Context(), e.Topic, e.Name); err != nil {
				t.Fatal(err)
			}
			value, err := codec.Encode(e.Topic, event.(interface{ RecordName() string }))
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := codec.Decode(t.Context(), e.Topic, value)
			if err != nil || !reflect.DeepEqual(decoded, event) {
				t.Errorf("got %+v, %v; want %+v", decoded, err, event)
			}
		})
	}
}

// catalogueExamples are the payloads that the AsyncAPI document shows, by the name of their event.
func catalogueExamples(t *testing.T) map[string]any {
	t.Helper()
	content, err := schemas.Catalogue.ReadFile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Messages map[string]struct {
				Name     string
				Examples []struct{ Payload any }
			}
		}
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	examples := map[string]any{}
	for _, m := range document.Components.Messages {
		for _, e := range m.Examples {
			examples[m.Name] = e.Payload
		}
	}
	return examples
}

// fill puts a JSON value into an event or a part of it, field by field under the names of the schema. Every field must be there.
func fill(into reflect.Value, from any) error {
	if into.Type() == reflect.TypeFor[time.Time]() {
		micros, ok := from.(float64)
		into.Set(reflect.ValueOf(time.UnixMicro(int64(micros)).UTC()))
		return unless(ok, into, from)
	}
	switch into.Kind() {
	case reflect.Pointer:
		if from == nil {
			return nil
		}
		into.Set(reflect.New(into.Type().Elem()))
		return fill(into.Elem(), from)
	case reflect.Struct:
		fields, ok := from.(map[string]any)
		if !ok || len(fields) != into.NumField() {
			return unless(false, into, from)
		}
		for i := range into.NumField() {
			name := into.Type().Field(i).Tag.Get("avro")
			value, ok := fields[name]
			if !ok {
				return fmt.Errorf("there is no %s", name)
			}
			if err := fill(into.Field(i), value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case reflect.Slice:
		items, ok := from.([]any)
		into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
		for i, item := range items {
			if err := fill(into.Index(i), item); err != nil {
				return err
			}
		}
		return unless(ok, into, from)
	case reflect.String, reflect.Bool:
		value := reflect.ValueOf(from)
		if value.Kind() != into.Kind() {
			return unless(false, into, from)
		}
		into.Set(value.Convert(into.Type()))
		return nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		number, ok := from.(float64)
		into.SetInt(int64(number))
		return unless(ok, into, from)
	}
	return unless(false, into, from)
}

func unless(ok bool, into reflect.Value, from any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%v does not fit %s", from, into.Type())
}
