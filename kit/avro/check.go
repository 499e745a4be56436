package avro

import (
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

// check says why body is not a value of the layout, all of its bytes taken up, or nil. It allocates nothing for a good one.
func (l *layout) check(body []byte) error {
	w := walk{rest: body}
	if err := w.value(l); err != nil {
		return err
	}
	if len(w.rest) > 0 {
		return fmt.Errorf("%d bytes are left over", len(w.rest))
	}
	return nil
}

// walk is a position in a value.
type walk struct {
	rest  []byte
	items int // met so far
}

func (w *walk) value(l *layout) error {
	switch l.kind {
	case avro.Null:
		return nil
	case avro.Boolean:
		return w.boolean()
	case avro.Int:
		_, err := w.int()
		return err
	case avro.Long:
		_, err := w.long()
		return err
	case avro.Float, avro.Double:
		return w.skip(int64(l.min))
	case avro.Fixed:
		return w.skip(int64(l.size))
	case avro.Bytes:
		_, err := w.bytes()
		return err
	case avro.String:
		return w.string()
	case avro.Enum:
		return w.enum(l)
	case avro.Union:
		return w.union(l)
	case avro.Record:
		return w.record(l)
	case avro.Array, avro.Map:
		return w.blocks(l)
	default:
		return fmt.Errorf("type %s is not supported", l.kind)
	}
}

func (w *walk) boolean() error {
	if len(w.rest) == 0 {
		return io.ErrUnexpectedEOF
	}
	if w.rest[0] > 1 {
		return fmt.Errorf("boolean is %d", w.rest[0])
	}
	w.rest = w.rest[1:]
	return nil
}

// long reads a zig-zag number of variable length, at most 10 bytes and 64 bits.
func (w *walk) long() (int64, error) {
	var value uint64
	for i, b := range w.rest {
		if i == 9 && b > 1 {
			return 0, errors.New("number takes more than 64 bits")
		}
		value |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			w.rest = w.rest[i+1:]
			return int64(value>>1) ^ -int64(value&1), nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// int is a long of 32 bits. hamba reads no more than 5 bytes of one, so that a number padded to more is refused.
func (w *walk) int() (int64, error) {
	before := len(w.rest)
	value, err := w.long()
	if err == nil && (value < math.MinInt32 || value > math.MaxInt32 || before-len(w.rest) > 5) {
		err = errors.New("number takes more than 32 bits")
	}
	return value, err
}

func (w *walk) skip(n int64) error {
	if n < 0 {
		return fmt.Errorf("length is %d", n)
	}
	if n > int64(len(w.rest)) {
		return io.ErrUnexpectedEOF
	}
	w.rest = w.rest[n:]
	return nil
}

func (w *walk) bytes() ([]byte, error) {
	n, err := w.long()
	if err != nil {
		return nil, err
	}
	content := w.rest
	if err := w.skip(n); err != nil {
		return nil, err
	}
	return content[:n], nil
}

func (w *walk) string() error {
	content, err := w.bytes()
	if err == nil && !utf8.Valid(content) {
		err = errors.New("string is not UTF-8")
	}
	return err
}

func (w *walk) enum(l *layout) error {
	i, err := w.int()
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(l.symbols)) {
		return fmt.Errorf("symbol %d is outside of the enum", i)
	}
	if l.refused[i] {
		return fmt.Errorf("symbol %q is not known to this version, or stands for the unknown", l.symbols[i])
	}
	return nil
}

func (w *walk) union(l *layout) error {
	i, err := w.int()
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(l.branches)) {
		return fmt.Errorf("type %d is outside of the union", i)
	}
	return w.value(l.branches[i].layout)
}

func (w *walk) record(l *layout) error {
	for _, f := range l.branches {
		if err := w.value(f.layout); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// blocks walks the blocks of an array or a map: a count, in a negative one's case the block's bytes, and the items; the
// last block is empty.
func (w *walk) blocks(l *layout) error {
	for {
		count, size, err := w.blockHeader()
		if err != nil || count == 0 {
			return err
		}
		least := int64(l.item.min)
		if l.kind == avro.Map {
			least++ // the key's length
		}
		if w.items += int(min(count, maxItems+1)); w.items > maxItems {
			return fmt.Errorf("more than %d items", maxItems)
		}
		if count*least > int64(len(w.rest)) {
			return io.ErrUnexpectedEOF
		}
		before := int64(len(w.rest))
		for range count {
			if l.kind == avro.Map {
				if err := w.string(); err != nil {
					return err
				}
			}
			if err := w.value(l.item); err != nil {
				return err
			}
		}
		if took := before - int64(len(w.rest)); size >= 0 && size != took {
			return fmt.Errorf("a block of %d bytes says that it has %d", took, size)
		}
	}
}

// blockHeader gives -1 as the size when the block does not say it.
func (w *walk) blockHeader() (count, size int64, err error) {
	if count, err = w.long(); err != nil || count >= 0 {
		return count, -1, err
	}
	if count == math.MinInt64 {
		return 0, 0, errors.New("number of items is out of range")
	}
	if size, err = w.long(); err == nil && size < 0 {
		err = fmt.Errorf("a block's size is %d", size)
	}
	return -count, size, err
}
