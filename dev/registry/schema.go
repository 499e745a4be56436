package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hamba/avro/v2"
)

// schema is a parsed Avro schema.
type schema struct {
	text     string // as registered, without the white space
	identity string // equal for texts that differ only in white space and in the order of attributes
	parsed   avro.Schema
}

// parse checks that the text is one Avro schema that refers to nothing outside itself, and that its defaults fit their types.
func parse(text string) (schema, error) {
	identity, err := identify(text)
	if err != nil {
		return schema{}, err
	}
	// A cache of its own: with the library's shared one a schema could refer to names of any other that was ever parsed.
	parsed, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return schema{}, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return schema{}, err
	}
	return schema{text: compact.String(), identity: identity, parsed: parsed}, nil
}

func identify(text string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("there is something after the schema")
	}
	sorted, err := json.Marshal(value) // maps are written in the order of their keys
	return string(sorted), err
}

// level says which earlier versions a new schema must be compatible with, and in which direction.
type level struct {
	backward   bool // a reader with the new schema understands what was written with the earlier one
	forward    bool // and the other way round
	transitive bool // every earlier version, not only the newest
}

var levels = map[string]level{
	"NONE":                {},
	"BACKWARD":            {backward: true},
	"BACKWARD_TRANSITIVE": {backward: true, transitive: true},
	"FORWARD":             {forward: true},
	"FORWARD_TRANSITIVE":  {forward: true, transitive: true},
	"FULL":                {backward: true, forward: true},
	"FULL_TRANSITIVE":     {backward: true, forward: true, transitive: true},
}

// against returns the versions, oldest first, that a new one is compared with.
func (l level) against(versions []*version) []*version {
	if l.transitive || len(versions) == 0 {
		return versions
	}
	return versions[len(versions)-1:]
}

// conflicts lists what makes the new schema incompatible with the versions; none means that it is compatible.
func (l level) conflicts(candidate schema, versions []*version) []string {
	var found []string
	for _, v := range versions {
		if l.backward {
			if err := readable(candidate.parsed, v.schema.parsed); err != nil {
				found = append(found, fmt.Sprintf("the new schema can't read data of version %d: %v", v.number, err))
			}
		}
		if l.forward {
			if err := readable(v.schema.parsed, candidate.parsed); err != nil {
				found = append(found, fmt.Sprintf("version %d can't read data of the new schema: %v", v.number, err))
			}
		}
	}
	return found
}

// readable says whether the reader resolves everything that the writer writes. The check has a cache whose keys leave out
// defaults, on which the answer depends: a shared one would answer for another schema, so each check has its own.
func readable(reader, writer avro.Schema) error {
	return avro.NewSchemaCompatibility().Compatible(reader, writer)
}
