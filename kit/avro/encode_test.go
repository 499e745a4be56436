package avro

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
)

func TestEncodedValueIsOfTheWireFormat(t *testing.T) {
	c := newCodec(t)
	got := encode(t, c, &sent{Deliveries: []delivery{{Channel: "m", Status: "FAILED"}}})
	want := []byte{magic, 0, 0, 0, byte(c.own[ownKey{topic, "test.order.v1.NotificationSent"}].id),
		2, // one item
		2, 'm', 4, 0,
		0, // no further block
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestEventsThatNobodyCouldReadAreNotWritten(t *testing.T) {
	c := newCodec(t)
	unknown := "UNKNOWN"
	for name, test := range map[string]struct {
		event event
		want  string
	}{
		"enum default":             {&sent{Deliveries: []delivery{{Channel: "m", Status: "UNKNOWN"}}}, `symbol "UNKNOWN"`},
		"enum default in a union":  {&sent{Deliveries: []delivery{{Channel: "m", Status: "SENT", Before: &unknown}}}, `symbol "UNKNOWN"`},
		"empty symbol":             {&sent{Deliveries: []delivery{{Channel: "m"}}}, "unknown enum symbol"},
		"string that is not UTF-8": {&sent{Deliveries: []delivery{{Channel: "\xff", Status: "SENT"}}}, "not UTF-8"},
		"too many items":           {&sent{Deliveries: many(maxItems+1, delivery{Channel: "m", Status: "SENT"})}, "more than 10000 items"},
		"larger than 1 MiB":        {&widened{Raw: make([]byte, MaxSize)}, "are more than"},
		"nil":                      {(*sent)(nil), "nil pointer"},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := c.Encode(topic, test.event)
			if err == nil || !strings.Contains(err.Error(), test.want) || IsTransient(err) {
				t.Errorf("%d bytes, error %v, want a permanent one with %q", len(value), err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), test.event.RecordName()) {
				t.Errorf("%v does not name the type", err)
			}
		})
		good := testEvents()[0]
		if got, err := c.Decode(t.Context(), topic, encode(t, c, good)); err != nil || !reflect.DeepEqual(got, good) {
			t.Fatalf("after %s: %+v, %v", name, got, err)
		}
	}
}

func many[T any](n int, v T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func TestUnresolvedTypesAreNotWritten(t *testing.T) {
	c := newCodec(t)
	for _, topic := range []string{"payment.events", ""} {
		if _, err := c.Encode(topic, testEvents()[0]); err == nil || !strings.Contains(err.Error(), "not resolved") {
			t.Errorf("topic %q: %v", topic, err)
		}
	}
}

func TestCodecIsSafeForConcurrentUse(t *testing.T) {
	c := newCodec(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				for _, e := range testEvents() {
					value, err := c.Encode(topic, e)
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := c.Decode(t.Context(), topic, value); err != nil || !reflect.DeepEqual(got, e) {
						t.Errorf("got %+v, %v", got, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// Nested records of one name differ between two events: no codec may mix them up, through hamba's global cache least of all.
func TestNothingGoesThroughGlobalCaches(t *testing.T) {
	newCodec(t)
	if schema := avro.DefaultSchemaCache.Get("test.order.v1.Item"); schema != nil {
		t.Errorf("hamba's default cache holds %s", schema)
	}
}

func TestSubMicrosecondsAreCutOff(t *testing.T) {
	c := newCodec(t)
	e := testEvents()[0].(*placed)
	e.OccurredAt = e.OccurredAt.Add(999 * time.Nanosecond).In(time.FixedZone("", 3600))
	got, err := c.Decode(t.Context(), topic, encode(t, c, e))
	if err != nil {
		t.Fatal(err)
	}
	if at := got.(*placed).OccurredAt; !at.Equal(e.OccurredAt.Truncate(time.Microsecond)) || at.Location() != time.UTC {
		t.Errorf("got %v of %v", at, e.OccurredAt)
	}
}

func BenchmarkEncode(b *testing.B) {
	c := newCodec(b)
	e := testEvents()[0]
	b.ReportAllocs()
	for b.Loop() {
		encode(b, c, e)
	}
}

func BenchmarkDecode(b *testing.B) {
	c := newCodec(b)
	value := encode(b, c, testEvents()[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(b.Context(), topic, value); err != nil {
			b.Fatal(err)
		}
	}
}
