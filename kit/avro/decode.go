package avro

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hamba/avro/v2"
)

// The wire format: a zero byte, the id of the writer's schema in 4 bytes, big-endian, the body.
const (
	magic      = 0x00
	headerSize = 5
)

// Decode reads a value of the topic into a new event of this service's own version of its type, whatever version wrote
// it. Fields that the writer did not have take their defaults. It is refused when a byte is missing or left over, when it is
// larger than MaxSize, and when it holds an enum symbol that this version does not know. Of the errors, those that
// IsTransient tells of may pass; with any other the value can't be read by this version.
func (c *Codec) Decode(ctx context.Context, topic string, value []byte) (any, error) {
	id, body, err := split(value)
	if err != nil {
		return nil, fmt.Errorf("avro: value of %s: %w", topic, err)
	}
	schema, err := c.foreign.get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("avro: value of %s: schema %d: %w", topic, id, err)
	}
	event, err := c.read(schema, body)
	if err != nil {
		return nil, fmt.Errorf("avro: value of %s: %s written with schema %d: %w", topic, schema.Name, id, err)
	}
	return event, nil
}

func split(value []byte) (id uint32, body []byte, err error) {
	switch {
	case len(value) > MaxSize:
		return 0, nil, fmt.Errorf("%d bytes are more than the %d allowed", len(value), MaxSize)
	case len(value) < headerSize:
		return 0, nil, fmt.Errorf("%d bytes are too few for the schema registry's header: %w", len(value), io.ErrUnexpectedEOF)
	case value[0] != magic:
		return 0, nil, fmt.Errorf("first byte is 0x%02x and not the 0x00 of the schema registry's wire format", value[0])
	}
	id = binary.BigEndian.Uint32(value[1:])
	if id > math.MaxInt32 {
		return 0, nil, fmt.Errorf("schema id %d is out of range", id)
	}
	return id, value[headerSize:], nil
}

// read decodes a body, after the walk that makes sure that it can be.
func (c *Codec) read(s *foreignSchema, body []byte) (event any, err error) {
	defer recovered(&err)
	if err := s.layout.check(body); err != nil {
		return nil, err
	}
	event = s.New()
	reader := c.readers.Get().(*guardedReader)
	if err := reader.read(s.resolved, body, event); err != nil {
		return nil, err // the reader is in an unknown state: not put back
	}
	c.readers.Put(reader)
	return event, nil
}

// guardedReader is hamba's reader over a source that fails where the bytes end. hamba's Unmarshal takes an end of the
// bytes for the end of the value and leaves the missing fields zero.
type guardedReader struct {
	source bytesThenError
	hamba  *avro.Reader
}

func newGuardedReader(api avro.API) *guardedReader {
	r := new(guardedReader)
	r.hamba = avro.NewReader(&r.source, 4096, avro.WithReaderConfig(api))
	return r
}

func (r *guardedReader) read(schema avro.Schema, body []byte, into any) error {
	r.source.rest = body
	r.hamba.ReadVal(schema, into)
	if r.hamba.Error != nil {
		return r.hamba.Error
	}
	if r.hamba.Peek(); !errors.Is(r.hamba.Error, io.ErrUnexpectedEOF) {
		return errors.New("bytes are left over")
	}
	r.hamba.Error = nil
	r.source.rest = nil
	return nil
}

type bytesThenError struct{ rest []byte }

func (s *bytesThenError) Read(into []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(into, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
