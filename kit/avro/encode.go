package avro

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hamba/avro/v2"

	"orderflow.example/kit/errs"
)

// Encode gives the bytes of an event for a topic: header and body. It asks nothing of the registry: Resolve must have run for
// the topic and the event's type; until then the answer is errs.Unavailable. An event that no service of this version could decode is refused, such as one with an
// enum's default symbol.
func (c *Codec) Encode(topic string, event interface{ RecordName() string }) ([]byte, error) {
	name := event.RecordName()
	c.mu.RLock()
	schema, ok := c.own[ownKey{topic, name}]
	c.mu.RUnlock()
	if !ok {
		return nil, errs.New(errs.Unavailable, "SCHEMA_UNRESOLVED", "the service is not ready yet").Retry(time.Second).
			Wrap(fmt.Errorf("avro: %s was not resolved for %s", name, topic))
	}
	value, err := c.write(schema, event)
	if err != nil {
		return nil, fmt.Errorf("avro: encode %s for %s: %w", name, topic, err)
	}
	return value, nil
}

func (c *Codec) write(s ownSchema, event any) (value []byte, err error) {
	defer recovered(&err)
	writer := c.writers.Get().(*avro.Writer)
	writer.Reset(nil)
	var header [headerSize]byte // header[0] is the magic byte
	binary.BigEndian.PutUint32(header[1:], s.id)
	if _, err := writer.Write(header[:]); err != nil {
		return nil, err
	}
	writer.WriteVal(s.schema, event)
	if writer.Error != nil {
		return nil, writer.Error // not put back: it would keep the error
	}
	written := writer.Buffer()
	if len(written) > MaxSize {
		return nil, fmt.Errorf("%d bytes are more than the %d allowed", len(written), MaxSize)
	}
	if err := s.layout.check(written[headerSize:]); err != nil {
		return nil, err
	}
	value = append(value, written...)
	c.writers.Put(writer)
	return value, nil
}
