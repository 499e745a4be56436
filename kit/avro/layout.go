package avro

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hamba/avro/v2"
)

// maxItems bounds the array and map items of one value, nested ones included. An order has at most 50 lines.
const maxItems = 10_000

// layout is what the bytes of a writer's schema look like, and which of them its reader could not make sense of.
// check walks a value along it.
type layout struct {
	kind     avro.Type
	min      int      // fewest bytes that a value takes
	size     int      // fixed: its bytes
	item     *layout  // array, map: of each item or map value
	branches []branch // record: its fields; union: its types
	symbols  []string // enum: the writer's
	refused  []bool   // enum, by the writer's symbol: the reader knows it only as its default
}

type branch struct {
	name string
	*layout
}

// newLayout follows the writer's schema. Reader is the schema that the value is read as, nil for a part that the reader
// skips; it must be compatible.
func newLayout(writer, reader avro.Schema) (*layout, error) {
	b := layoutBuilder{compatibility: avro.NewSchemaCompatibility()}
	return b.build(writer, reader)
}

type layoutBuilder struct {
	compatibility *avro.SchemaCompatibility
	open          []string // the records around the current one
}

func (b *layoutBuilder) build(writer, reader avro.Schema) (*layout, error) {
	writer, reader = dereference(writer), b.readerOf(writer, reader)
	l := &layout{kind: writer.Type()}
	switch w := writer.(type) {
	case *avro.NullSchema:
	case *avro.PrimitiveSchema:
		l.min = minSize[w.Type()]
	case *avro.FixedSchema:
		l.size, l.min = w.Size(), w.Size()
	case *avro.EnumSchema:
		l.min, l.symbols = 1, w.Symbols()
		l.refused = refusedSymbols(w, reader)
	case *avro.ArraySchema:
		var items avro.Schema
		if r, ok := reader.(*avro.ArraySchema); ok {
			items = r.Items()
		}
		return b.container(l, w.Items(), items)
	case *avro.MapSchema:
		var values avro.Schema
		if r, ok := reader.(*avro.MapSchema); ok {
			values = r.Values()
		}
		return b.container(l, w.Values(), values)
	case *avro.UnionSchema:
		l.min = 1
		for _, t := range w.Types() {
			part, err := b.build(t, reader)
			if err != nil {
				return nil, err
			}
			l.branches = append(l.branches, branch{string(t.Type()), part})
		}
	case *avro.RecordSchema:
		r, _ := reader.(*avro.RecordSchema)
		return b.record(l, w, r)
	default:
		return nil, fmt.Errorf("type %s is not supported", writer.Type())
	}
	return l, nil
}

var minSize = map[avro.Type]int{
	avro.Boolean: 1, avro.Int: 1, avro.Long: 1, avro.Float: 4, avro.Double: 8, avro.Bytes: 1, avro.String: 1,
}

func (b *layoutBuilder) container(l *layout, writerItems, readerItems avro.Schema) (*layout, error) {
	l.min = 1 // the empty block that ends it
	var err error
	l.item, err = b.build(writerItems, readerItems)
	return l, err
}

func (b *layoutBuilder) record(l *layout, writer, reader *avro.RecordSchema) (*layout, error) {
	if slices.Contains(b.open, writer.FullName()) {
		return nil, errors.New("record " + writer.FullName() + " contains itself, which events never do")
	}
	b.open = append(b.open, writer.FullName())
	defer func() { b.open = b.open[:len(b.open)-1] }()
	for _, f := range writer.Fields() {
		part, err := b.build(f.Type(), readerField(reader, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		l.branches = append(l.branches, branch{f.Name(), part})
		l.min += part.min
	}
	return l, nil
}

// readerField is the type that the reader gives to the writer's field, nil when it skips it.
func readerField(reader *avro.RecordSchema, name string) avro.Schema {
	if reader == nil {
		return nil
	}
	for _, f := range reader.Fields() {
		if f.Name() == name || slices.Contains(f.Aliases(), name) {
			return f.Type()
		}
	}
	return nil
}

// readerOf resolves references, and a reader's union to the type in it that reads what the writer writes.
func (b *layoutBuilder) readerOf(writer, reader avro.Schema) avro.Schema {
	if reader == nil {
		return nil
	}
	reader = dereference(reader)
	union, ok := reader.(*avro.UnionSchema)
	if !ok || dereference(writer).Type() == avro.Union {
		return reader
	}
	for _, t := range union.Types() {
		if b.compatibility.Compatible(t, writer) == nil {
			return dereference(t)
		}
	}
	return nil
}

// refusedSymbols marks the symbols that the reader would see as its default: it could not tell what was meant.
// Services never write the default themselves.
func refusedSymbols(writer *avro.EnumSchema, reader avro.Schema) []bool {
	refused := make([]bool, len(writer.Symbols()))
	enum, ok := reader.(*avro.EnumSchema)
	if !ok {
		return refused
	}
	for i, symbol := range writer.Symbols() {
		refused[i] = !slices.Contains(enum.Symbols(), symbol) || symbol == enum.Default()
	}
	return refused
}

func dereference(s avro.Schema) avro.Schema {
	if ref, ok := s.(*avro.RefSchema); ok {
		return ref.Schema()
	}
	return s
}
