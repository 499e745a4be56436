package avro

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestAgainstSchemaRegistry runs against the registry at SCHEMA_REGISTRY_URL, in subjects of its own.
func TestAgainstSchemaRegistry(t *testing.T) {
	url := os.Getenv("SCHEMA_REGISTRY_URL")
	if url == "" {
		t.Skip("SKIPPED: SCHEMA_REGISTRY_URL is not set")
	}
	own := "test-" + uuid.NewString()
	production := lookUpCodec(t, url, nil)
	err := production.Resolve(t.Context(), own, testTypes[0].Name)
	if err == nil || !strings.Contains(err.Error(), "not released") {
		t.Fatalf("an unreleased schema: %v", err)
	}
	development, err := NewCodec(Config{RegistryURL: url, Register: true}, testTypes)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range testEvents() {
		for _, c := range []*Codec{development, production} {
			if err := c.Resolve(t.Context(), own, e.RecordName()); err != nil {
				t.Fatal(err)
			}
		}
		value, err := production.Encode(own, e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lookUpCodec(t, url, nil).Decode(t.Context(), own, value); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	unknown := []byte{magic, 0x7f, 0xff, 0xff, 0xfe}
	if _, err := production.Decode(t.Context(), own, unknown); !errors.Is(err, errUnknown) {
		t.Errorf("an unknown id: %v", err)
	}
}
