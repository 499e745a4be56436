package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
)

func TestEveryEventComesBackAsItWas(t *testing.T) {
	c := newCodec(t)
	for _, e := range testEvents() {
		t.Run(e.RecordName(), func(t *testing.T) {
			got, err := c.Decode(t.Context(), topic, encode(t, c, e))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, e) {
				t.Errorf("got %+v, want %+v", got, e)
			}
		})
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	c := newCodec(t)
	for _, e := range testEvents() {
		t.Run(e.RecordName(), func(t *testing.T) {
			value := encode(t, c, e)
			for n := range value {
				got, err := c.Decode(t.Context(), topic, value[:n])
				if !errors.Is(err, io.ErrUnexpectedEOF) || IsTransient(err) {
					t.Errorf("%d of %d bytes: %+v, %v; want a permanent %v", n, len(value), got, err, io.ErrUnexpectedEOF)
				}
			}
		})
	}
}

// hamba's reader must refuse them without the walk, too: the two guards do not rely on each other.
func TestGuardedReaderRefusesTruncationsAndLeftovers(t *testing.T) {
	c := newCodec(t)
	for _, e := range testEvents() {
		body := encode(t, c, e)[headerSize:]
		eventType := c.types[e.RecordName()]
		for n := range body {
			if err := newGuardedReader(c.hamba).read(eventType.schema, body[:n], eventType.New()); err == nil {
				t.Errorf("%s: %d of %d bytes were accepted", e.RecordName(), n, len(body))
			}
		}
		if err := newGuardedReader(c.hamba).read(eventType.schema, append(body, 0), eventType.New()); err == nil {
			t.Errorf("%s: a byte too many was accepted", e.RecordName())
		}
	}
}

func TestGuardedReaderIsReusable(t *testing.T) {
	c := newCodec(t)
	reader := newGuardedReader(c.hamba)
	for _, e := range slices.Concat(testEvents(), testEvents()) {
		eventType := c.types[e.RecordName()]
		got := eventType.New()
		if err := reader.read(eventType.schema, encode(t, c, e)[headerSize:], got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("got %+v, want %+v", got, e)
		}
	}
}

func TestHeaderIsChecked(t *testing.T) {
	c := newCodec(t)
	good := encode(t, c, testEvents()[0])
	with := func(i int, b byte) []byte {
		value := bytes.Clone(good)
		value[i] = b
		return value
	}
	for name, test := range map[string]struct {
		value []byte
		want  string
	}{
		"empty":             {nil, "too few"},
		"only the magic":    {good[:1], "too few"},
		"other magic":       {with(0, 0x01), "first byte is 0x01"},
		"JSON":              {[]byte(`{"order_id":"o1"}`), "first byte is 0x7b"},
		"id out of range":   {with(1, 0x80), "out of range"},
		"trailing byte":     {append(bytes.Clone(good), 0), "1 bytes are left over"},
		"two values in one": {append(bytes.Clone(good), good...), "are left over"},
		"larger than 1 MiB": {append(bytes.Clone(good), make([]byte, MaxSize)...), "are more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Decode(t.Context(), topic, test.value)
			if err == nil || !strings.Contains(err.Error(), test.want) || IsTransient(err) {
				t.Errorf("error %v, want a permanent one with %q", err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), topic) {
				t.Errorf("%v does not name the topic", err)
			}
		})
	}
}

// zigzag writes numbers as Avro does; Go's own varints are the same.
func zigzag(numbers ...int64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func TestHostileBytesAreRefusedCheaply(t *testing.T) {
	c := newCodec(t)
	placedID, sentID, wideID := c.own[ownKey{topic, "test.order.v1.OrderPlaced"}].id,
		c.own[ownKey{topic, "test.order.v1.NotificationSent"}].id, c.own[ownKey{topic, "test.order.v1.Widened"}].id
	order := []byte{2, 'o'} // order_id
	noLabels := slices.Concat([]byte{0}, []byte{1, 2, 3, 4})
	tests := map[string]struct {
		id   uint32
		body []byte
		want string
	}{
		"string of 1 GiB":                {placedID, zigzag(1 << 30), "unexpected EOF"},
		"string of 8 EiB":                {placedID, zigzag(math.MaxInt64), "unexpected EOF"},
		"string of negative length":      {placedID, zigzag(-1), "length is -1"},
		"string that is not UTF-8":       {placedID, []byte{2, 0xff}, "not UTF-8"},
		"number of 11 bytes":             {placedID, bytes.Repeat([]byte{0x80}, 11), "64 bits"},
		"number of 65 bits":              {placedID, append(bytes.Repeat([]byte{0xff}, 9), 2), "64 bits"},
		"array of 2^40 items":            {placedID, append(order, zigzag(1<<40)...), "more than"},
		"array of 9,999 items":           {placedID, append(order, zigzag(9_999)...), "unexpected EOF"},
		"array of -2^63 items":           {placedID, append(order, zigzag(math.MinInt64, 1)...), "out of range"},
		"array of sized 2^40 items":      {placedID, append(order, zigzag(-(1<<40), 1)...), "more than"},
		"array whose size is wrong":      {sentID, append(zigzag(-1, 3), 2, 'm', 2, 0, 0), "says that it has 3"},
		"array whose size is below zero": {sentID, zigzag(-1, -1), "size is -1"},
		"many small blocks":              {sentID, bytes.Repeat([]byte{2, 2, 'm', 2, 0}, maxItems+1), "more than"},
		"map of 2^40 entries":            {wideID, append(noLabels, zigzag(1<<40)...), "more than"},
		"map key that is not UTF-8":      {wideID, append(noLabels, 2, 2, 0xff, 0, 0), "not UTF-8"},
		"bytes of 1 GiB":                 {wideID, zigzag(1 << 30), "unexpected EOF"},
		"enum symbol out of range":       {sentID, []byte{2, 2, 'm', 6}, "outside of the enum"},
		"enum symbol below zero":         {sentID, []byte{2, 2, 'm', 1}, "outside of the enum"},
		"enum symbol of 6 bytes":         {sentID, []byte{2, 2, 'm', 0x82, 0x80, 0x80, 0x80, 0x80, 0}, "32 bits"},
		"enum default":                   {sentID, []byte{2, 2, 'm', 0, 0, 0}, `symbol "UNKNOWN"`},
		"enum default in a union":        {sentID, []byte{2, 2, 'm', 2, 2, 0, 0}, `symbol "UNKNOWN"`},
		"union type out of range":        {sentID, []byte{2, 2, 'm', 2, 4}, "outside of the union"},
		"boolean of 2": {placedID, slices.Concat(order, zigzag(0, 1, 1), []byte{0, 2}),
			"boolean is 2"},
		"int of 33 bits": {placedID, slices.Concat(order, zigzag(1), []byte{0, 0}, zigzag(1<<32)), "32 bits"},
	}
	for _, e := range testEvents() { // so that the schemas are fetched
		if _, err := c.Decode(t.Context(), topic, encode(t, c, e)); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			value := append(binary.BigEndian.AppendUint32([]byte{magic}, test.id), test.body...)
			var err error
			allocated := allocates(func() { _, err = c.Decode(t.Context(), topic, value) })
			if err == nil || !strings.Contains(err.Error(), test.want) || IsTransient(err) {
				t.Errorf("error %v, want a permanent one with %q", err, test.want)
			}
			if allocated > 64<<10 {
				t.Errorf("%d bytes allocated for %d", allocated, len(value))
			}
		})
	}
}

// allocates counts the bytes that f allocates: the least of three runs, since the whole process is counted.
func allocates(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

func TestItemsOfNoBytesAreBounded(t *testing.T) {
	writer := parsed(t, `{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]}`)
	l, err := newLayout(writer, writer)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.check(zigzag(maxItems, 0)); err != nil {
		t.Error(err)
	}
	if err := l.check(zigzag(maxItems+1, 0)); err == nil {
		t.Error("accepted")
	}
}

func TestLongestNumbersAreRead(t *testing.T) {
	for _, n := range []int64{math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32, 0} {
		w := walk{rest: zigzag(n)}
		if got, err := w.long(); got != n || err != nil || len(w.rest) > 0 {
			t.Errorf("got %d, %v, %d bytes left, want %d", got, err, len(w.rest), n)
		}
		w = walk{rest: zigzag(n)}
		if _, err := w.int(); (err == nil) != (n == int64(int32(n))) {
			t.Errorf("%d as int: %v", n, err)
		}
	}
}

func TestPanicsAreErrors(t *testing.T) {
	c := newCodec(t)
	schema := &foreignSchema{eventType: &eventType{Type: Type{New: func() any { panic("broken") }}}, layout: &layout{kind: avro.Null}}
	if _, err := c.read(schema, nil); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
	if _, err := c.write(ownSchema{}, new(sent)); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Error(err)
	}
}

func parsed(t testing.TB, text string) *avro.RecordSchema {
	t.Helper()
	schema, err := parse(text)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return schema
}
