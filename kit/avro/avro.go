// Package avro turns events into Avro in the Schema Registry's wire format, and such bytes back into events.
//
// hamba/avro does the work, and is not trusted with bytes that somebody else wrote: every value is first walked along
// its writer's schema (see layout), so that a truncated, oversized or otherwise hostile value is refused before anything
// is allocated for it. (hamba alone takes the end of the bytes for the end of the value, and walks a skipped array of 2^40
// items to its end.) What this package writes takes the same walk, so that it writes nothing that it would not read.
package avro

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
)

// MaxSize is the largest encoded value in bytes, its header included. The topics' own limit is the same.
const MaxSize = 1 << 20

// Type is an event type that a service writes or reads.
type Type struct {
	Name   string     // full record name, "orderflow.order.v1.OrderPlaced"
	Schema string     // the service's own schema, the text of the .avsc file
	New    func() any // makes an empty event: a pointer to the struct generated from Schema
}

// Config says where the Schema Registry is and what may be done to it.
type Config struct {
	RegistryURL string // http or https, with the base path if there is one
	Username    string // both or none
	Password    string
	Register    bool         // register schemas that are missing (development); otherwise they are only looked up
	Log         *slog.Logger // nil: nothing is logged
}

// Codec encodes and decodes the events of one service. It is safe for concurrent use.
type Codec struct {
	registry *registry
	register bool
	log      *slog.Logger
	hamba    avro.API // an instance of its own: its caches are shared with nobody
	writers  sync.Pool
	readers  sync.Pool
	types    map[string]*eventType
	foreign  *foreignSchemas

	mu  sync.RWMutex
	own map[ownKey]ownSchema // what Resolve found
}

// eventType is a Type whose schema was parsed.
type eventType struct {
	Type
	schema *avro.RecordSchema
	layout *layout // of schema, as both writer and reader
}

// ownKey names a subject: a record name in a topic.
type ownKey struct{ topic, name string }

type ownSchema struct {
	id uint32
	*eventType
}

// NewCodec prepares a codec for the types. It asks nothing of the registry. The errors are of configuration: a broken
// URL, half a pair of credentials, a schema that can't be parsed or does not fit its name.
func NewCodec(cfg Config, types []Type) (*Codec, error) {
	registry, err := newRegistry(cfg)
	if err != nil {
		return nil, err
	}
	c := &Codec{
		registry: registry,
		register: cfg.Register,
		log:      cfg.Log,
		hamba: avro.Config{
			MaxByteSliceSize:       MaxSize,
			MaxSliceAllocSize:      maxItems, // hamba compares it with the number of items
			DisableBlockSizeHeader: true,     // the blocks that the Java library writes
		}.Freeze(),
		types: make(map[string]*eventType, len(types)),
		own:   make(map[ownKey]ownSchema),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.writers.New = func() any { return avro.NewWriter(nil, 512, avro.WithWriterConfig(c.hamba)) }
	c.readers.New = func() any { return newGuardedReader(c.hamba) }
	c.foreign = newForeignSchemas(registry.schemaByID, c.readAs, time.Now)
	for _, t := range types {
		if c.types[t.Name] != nil {
			return nil, fmt.Errorf("avro: type %s is given twice", t.Name)
		}
		if c.types[t.Name], err = parseType(t); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func parseType(t Type) (*eventType, error) {
	schema, err := parse(t.Schema)
	if err != nil {
		return nil, fmt.Errorf("avro: schema of %s: %w", t.Name, err)
	}
	if schema.FullName() != t.Name {
		return nil, fmt.Errorf("avro: the schema of %s names its record %s", t.Name, schema.FullName())
	}
	if t.New == nil {
		return nil, fmt.Errorf("avro: type %s has no constructor", t.Name)
	}
	layout, err := newLayout(schema, schema)
	if err != nil {
		return nil, fmt.Errorf("avro: schema of %s: %w", t.Name, err)
	}
	return &eventType{Type: t, schema: schema, layout: layout}, nil
}

// parse reads the schema of an event with a cache of its own: two events may nest records of one name that differ.
func parse(text string) (*avro.RecordSchema, error) {
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

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		var parseError *url.Error // its own text repeats the URL, and with it a password
		if errors.As(err, &parseError) {
			err = parseError.Err
		}
		return fmt.Errorf("avro: the schema registry's URL can't be parsed: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("avro: the schema registry's URL %q is not of the form http(s)://host[:port][/path]", u.Redacted())
	}
	return nil
}
