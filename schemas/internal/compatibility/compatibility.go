// Package compatibility compares two versions of an event's schema, as FULL_TRANSITIVE does and more strictly.
package compatibility

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hamba/avro/v2"
)

// Check says why two releases with these schemas of one event could not read each other's events, or would read
// something else than was written; nil when they can. Beyond Avro's rules, by which hamba goes, it refuses what they let
// pass and what would lose or change data here:
//   - another full name (hamba compares only the last part),
//   - another type or logical type, although Avro reads a string as bytes and a timestamp as a number,
//   - an alias: the older release knows nothing of it, and would take the field for missing,
//   - a removed enum symbol: the event log holds it for ever, and a reader parks what it sees as the default.
func Check(newer, older string) error {
	n, err := Parse(newer)
	if err != nil {
		return fmt.Errorf("newer schema: %w", err)
	}
	o, err := Parse(older)
	if err != nil {
		return fmt.Errorf("older schema: %w", err)
	}
	var broken []error
	if err := avro.NewSchemaCompatibility().Compatible(n, o); err != nil {
		broken = append(broken, fmt.Errorf("the newer release can't read older events: %w", err))
	}
	if err := avro.NewSchemaCompatibility().Compatible(o, n); err != nil {
		broken = append(broken, fmt.Errorf("the older release can't read newer events: %w", err))
	}
	return errors.Join(append(broken, unchanged(n, o))...)
}

// Parse reads an event's schema, sharing no names with any other.
func Parse(text string) (*avro.RecordSchema, error) {
	schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, err
	}
	record, ok := schema.(*avro.RecordSchema)
	if !ok {
		return nil, fmt.Errorf("it is a %s and not a record", schema.Type())
	}
	return record, nil
}

// unchanged compares what both versions have.
func unchanged(newer, older avro.Schema) error {
	newer, older = Dereference(newer), Dereference(older)
	if kind(newer) != kind(older) {
		return fmt.Errorf("%s became %s", kind(older), kind(newer))
	}
	switch n := newer.(type) {
	case *avro.RecordSchema:
		return records(n, older.(*avro.RecordSchema))
	case *avro.ArraySchema:
		return unchanged(n.Items(), older.(*avro.ArraySchema).Items())
	case *avro.MapSchema:
		return unchanged(n.Values(), older.(*avro.MapSchema).Values())
	case *avro.UnionSchema:
		return unions(n, older.(*avro.UnionSchema))
	case *avro.EnumSchema:
		return enums(n, older.(*avro.EnumSchema))
	}
	return nil
}

// kind is a type with all that must not change about it: its full name or its logical type.
func kind(s avro.Schema) string {
	text := string(s.Type())
	if named, ok := s.(avro.NamedSchema); ok {
		text += " " + named.FullName()
	}
	if logical, ok := s.(avro.LogicalTypeSchema); ok && logical.Logical() != nil {
		text += " " + logical.Logical().String()
	}
	return text
}

func records(newer, older *avro.RecordSchema) error {
	var broken []error
	if len(newer.Aliases()) > 0 {
		broken = append(broken, fmt.Errorf("%s has an alias", newer.FullName()))
	}
	for _, n := range newer.Fields() {
		if len(n.Aliases()) > 0 {
			broken = append(broken, fmt.Errorf("%s has an alias", n.Name()))
		}
		for _, o := range older.Fields() {
			if o.Name() != n.Name() {
				continue
			}
			if err := unchanged(n.Type(), o.Type()); err != nil {
				broken = append(broken, fmt.Errorf("%s: %w", n.Name(), err))
			}
		}
	}
	return errors.Join(broken...)
}

func unions(newer, older *avro.UnionSchema) error {
	var broken []error
	for _, o := range older.Types() {
		i := slices.IndexFunc(newer.Types(), func(n avro.Schema) bool { return kind(Dereference(n)) == kind(Dereference(o)) })
		if i < 0 {
			broken = append(broken, fmt.Errorf("%s is no longer in the union", kind(Dereference(o))))
			continue
		}
		broken = append(broken, unchanged(newer.Types()[i], o))
	}
	return errors.Join(broken...)
}

func enums(newer, older *avro.EnumSchema) error {
	var broken []error
	if len(newer.Aliases()) > 0 {
		broken = append(broken, fmt.Errorf("%s has an alias", newer.FullName()))
	}
	for _, symbol := range older.Symbols() {
		if !slices.Contains(newer.Symbols(), symbol) {
			broken = append(broken, fmt.Errorf("symbol %s of %s was removed", symbol, older.FullName()))
		}
	}
	if newer.Default() != older.Default() {
		broken = append(broken, fmt.Errorf("default of %s became %q", older.FullName(), newer.Default()))
	}
	return errors.Join(broken...)
}

// Dereference gives the schema that a reference by name stands for, or s itself.
func Dereference(s avro.Schema) avro.Schema {
	if ref, ok := s.(*avro.RefSchema); ok {
		return ref.Schema()
	}
	return s
}
