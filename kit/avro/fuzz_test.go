package avro

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	oracle "github.com/twmb/avro"
)

// releases are the schemas that values are written with, by id; each codec of the fuzz test reads all of them.
var releases = map[uint32]string{1: placedSchema, 2: placedV2Schema, 3: sentSchema, 4: wideSchema}

var placedV2Type = Type{Name: testTypes[0].Name, Schema: placedV2Schema, New: func() any { return new(placedV2) }}

// offlineCodec reads and writes with the schemas of releases, without a registry.
func offlineCodec(t testing.TB, types ...Type) *Codec {
	t.Helper()
	c, err := NewCodec(Config{RegistryURL: "http://registry.invalid"}, types)
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(id uint32) (string, error) {
		if text, ok := releases[id]; ok {
			return text, nil
		}
		return "", errUnknown
	}
	c.foreign = newForeignSchemas(fetch, c.readAs, time.Now)
	for id, text := range releases {
		for _, eventType := range types {
			if eventType.Schema == text {
				c.own[ownKey{topic, eventType.Name}] = ownSchema{id, c.types[eventType.Name]}
			}
		}
	}
	return c
}

// FuzzDecode holds every value that is accepted against another implementation: it must accept it too, and read the
// same. Nothing may panic, or allocate out of proportion.
func FuzzDecode(f *testing.F) {
	older := offlineCodec(f, testTypes...)
	newer := offlineCodec(f, placedV2Type, testTypes[1], testTypes[2])
	for _, e := range testEvents() {
		f.Add(encode(f, older, e))
	}
	f.Add(encode(f, newer, newerEvent("HELD")))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, c := range []*Codec{older, newer} {
			compareWithOracle(t, c, value)
		}
	})
}

func compareWithOracle(t *testing.T, c *Codec, value []byte) {
	var got any
	var err error
	allocated := allocates(func() { got, err = c.Decode(t.Context(), topic, value) })
	if limit := uint64(128<<10 + 256*len(value)); allocated > limit {
		t.Errorf("%d bytes allocated for %d", allocated, len(value))
	}
	if err != nil {
		return
	}
	eventType := c.types[got.(event).RecordName()]
	id, body, err := split(value)
	if err != nil {
		t.Fatalf("the header was accepted: %v", err)
	}
	want := eventType.New()
	rest, err := oracleOf(t, releases[id], eventType.Schema).Decode(body, want)
	switch {
	case err != nil:
		t.Fatalf("%+v was accepted, and refused by the oracle: %v", got, err)
	case len(rest) > 0:
		t.Fatalf("%+v was accepted, with %d bytes left by the oracle", got, len(rest))
	}
	normalise(got)
	normalise(want)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got     %+v\noracle: %+v", got, want)
	}
}

var oracles = map[[2]string]*oracle.Schema{}

func oracleOf(t *testing.T, writer, reader string) *oracle.Schema {
	t.Helper()
	if known := oracles[[2]string{writer, reader}]; known != nil {
		return known
	}
	w, err := oracle.Parse(writer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := oracle.Parse(reader)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := oracle.Resolve(w, r)
	if err != nil {
		t.Fatal(err)
	}
	oracles[[2]string{writer, reader}] = resolved
	return resolved
}

// normalise evens out what means the same, and is not equal in Go: NaN, and slices that are nil or empty.
func normalise(e any) {
	switch e := e.(type) {
	case *widened:
		if math.IsNaN(e.Ratio) {
			e.Ratio = 0
		}
		if math.IsNaN(float64(e.Share)) {
			e.Share = 0
		}
		e.Raw = slices.Concat([]byte{}, e.Raw)
		e.Matrix = slices.Concat([][]int{}, e.Matrix)
		for i := range e.Matrix {
			e.Matrix[i] = slices.Concat([]int{}, e.Matrix[i])
		}
		if len(e.Labels) == 0 {
			e.Labels = nil
		}
	case *placed:
		e.Items = slices.Concat([]item{}, e.Items)
	case *placedV2:
		e.Items = slices.Concat([]itemV2{}, e.Items)
		e.Tags = slices.Concat([]string{}, e.Tags)
	case *sent:
		e.Deliveries = slices.Concat([]delivery{}, e.Deliveries)
	}
}
