package registry_test

import (
	"fmt"
	"testing"

	"github.com/riferrei/srclient"
)

func recordOf(fields string) string {
	return `{"type":"record","name":"Fact","namespace":"shop.v1","fields":[` + fields + `]}`
}

const (
	id        = `{"name":"id","type":"string"}`
	note      = `{"name":"note","type":"string"}`
	noteOrNo  = `{"name":"note","type":"string","default":""}`
	maybeNote = `{"name":"note","type":["null","string"],"default":null}`
)

func enumOf(symbols, fallback string) string {
	if fallback != "" {
		fallback = `,"default":"` + fallback + `"`
	}
	return `{"name":"why","type":{"type":"enum","name":"Why","symbols":[` + symbols + `]` + fallback + `}}`
}

func TestCompatibilityOfTwoVersions(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.client()
	items := func(fields string) string {
		return `{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[` + fields + `]}}}`
	}
	for name, c := range map[string]struct {
		old, new          string
		backward, forward bool // the new reads the old; the old reads the new
	}{
		"the same":                         {id, id, true, true},
		"documentation":                    {id, `{"name":"id","type":"string","doc":"the id"}`, true, true},
		"field with a default added":       {id, id + "," + noteOrNo, true, true},
		"field with a null default added":  {id, id + "," + maybeNote, true, true},
		"field without a default added":    {id, id + "," + note, false, true},
		"field with a default removed":     {id + "," + noteOrNo, id, true, true},
		"field without a default removed":  {id + "," + note, id, true, false},
		"default taken away":               {noteOrNo, note, true, true}, // the field is there in both
		"int widened to long":              {`{"name":"n","type":"int"}`, `{"name":"n","type":"long"}`, true, false},
		"string made optional":             {note, maybeNote, true, false},
		"long made string":                 {`{"name":"n","type":"long"}`, `{"name":"n","type":"string"}`, false, false},
		"symbol added, both with default":  {enumOf(`"A","B"`, "A"), enumOf(`"A","B","C"`, "A"), true, true},
		"symbol added, none with default":  {enumOf(`"A","B"`, ""), enumOf(`"A","B","C"`, ""), true, false},
		"symbol added, default in the new": {enumOf(`"A","B"`, ""), enumOf(`"A","B","C"`, "A"), true, false},
		"symbol added, default in the old": {enumOf(`"A","B"`, "A"), enumOf(`"A","B","C"`, ""), true, true},
		"symbol removed without a default": {enumOf(`"A","B"`, ""), enumOf(`"A"`, ""), false, true},
		"enum default added":               {enumOf(`"A","B"`, ""), enumOf(`"A","B"`, "A"), true, true},
		"nested field without a default":   {items(id), items(id + "," + note), false, true},
		"nested field with a default":      {items(id), items(id + "," + noteOrNo), true, true},
		"renamed with an alias":            {note, `{"name":"text","type":"string","aliases":["note"]}`, true, false},
		"renamed without an alias":         {note, `{"name":"text","type":"string"}`, false, false},
		"recursive": {id + `,{"name":"parent","type":["null","Fact"],"default":null}`,
			id + `,{"name":"parent","type":["null","Fact"],"default":null},` + noteOrNo, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for level, want := range map[srclient.CompatibilityLevel]bool{
				srclient.None: true, srclient.Backward: c.backward, srclient.Forward: c.forward, srclient.FullTransitive: c.backward && c.forward,
			} {
				subject := fmt.Sprintf("%s-%s", name, level)
				register(t, client, subject, recordOf(c.old))
				if _, err := client.ChangeSubjectCompatibilityLevel(subject, level); err != nil {
					t.Fatal(err)
				}
				answered, err := client.IsSchemaCompatible(subject, recordOf(c.new), "latest", srclient.Avro)
				if err != nil || answered != want {
					t.Errorf("%s: is_compatible %v %v, want %v", level, answered, err, want)
				}
				_, err = client.CreateSchema(subject, recordOf(c.new), srclient.Avro)
				if want && err != nil {
					t.Errorf("%s: refused: %v", level, err)
				}
				if !want {
					expectRefusal(t, err, 409, "incompatible with an earlier schema")
				}
			}
		})
	}
}

// Version 1 has no enum default, so that it can't read a third symbol; version 2 can. That 2 differs from 1 in nothing but the
// default must not make the registry take one for the other.
func TestTransitiveLooksAtEveryVersion(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.client()
	for _, subject := range []string{"full", "transitive"} {
		register(t, client, subject, recordOf(enumOf(`"A","B"`, "")))
		register(t, client, subject, recordOf(enumOf(`"A","B"`, "A")))
	}
	if _, err := client.ChangeSubjectCompatibilityLevel("full", srclient.Full); err != nil {
		t.Fatal(err)
	}
	third := recordOf(enumOf(`"A","B","C"`, "A"))
	register(t, client, "full", third)
	_, err := client.CreateSchema("transitive", third, srclient.Avro)
	expectRefusal(t, err, 409, "version 1 can't read data of the new schema")
	for version, want := range map[string]bool{"1": false, "2": true, "latest": true} {
		if got, err := client.IsSchemaCompatible("transitive", third, version, srclient.Avro); err != nil || got != want {
			t.Errorf("compatible with version %s: %v %v, want %v", version, got, err, want)
		}
	}
	if body := r.post(t, "/compatibility/subjects/transitive/versions?verbose=true", third); body.Compatible || len(body.Messages) != 1 {
		t.Errorf("with all versions: %+v", body)
	}
}

func TestInvalidSchemasAreRefused(t *testing.T) {
	r := start(t, t.TempDir())
	for name, text := range map[string]string{
		"empty":                     ``,
		"not JSON":                  `{"type":`,
		"two":                       `"string" "int"`,
		"no such type":              recordOf(`{"name":"a","type":"money"}`),
		"no name":                   `{"type":"record","fields":[]}`,
		"field twice":               recordOf(id + "," + id),
		"default of another type":   recordOf(`{"name":"n","type":"int","default":"x"}`),
		"default not of the first":  recordOf(`{"name":"n","type":["null","string"],"default":"x"}`),
		"enum default not a symbol": recordOf(enumOf(`"A"`, "B")),
		"symbol twice":              recordOf(enumOf(`"A","A"`, "")),
		"name of another schema":    recordOf(`{"name":"why","type":"shop.v1.Why"}`),
	} {
		t.Run(name, func(t *testing.T) {
			register(t, r.client(), "known", recordOf(enumOf(`"A"`, "A")))
			_, err := r.client().CreateSchema("bad-"+name, text, srclient.Avro)
			expectRefusal(t, err, 42201, "Invalid schema")
			_, err = r.client().IsSchemaCompatible("known", text, "latest", srclient.Avro)
			expectRefusal(t, err, 42201, "Invalid schema")
		})
	}
}
