package schemas

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"orderflow.example/schemas/internal/compatibility"
)

// namespaces are the services' own.
var namespaces = map[string]string{
	"order":     "orderflow.order.v1",
	"inventory": "orderflow.inventory.v1",
	"payment":   "orderflow.payment.v1",
	"notifier":  "orderflow.notification.v1",
}

var (
	pastTense = regexp.MustCompile(`(ed|Paid|Sent)$`)
	states    = []string{"OrderProcessing", "LowStock"} // the names by which everybody knows these facts
	money     = regexp.MustCompile(`(^|_)(total|amount|price|fee|tax|discount)$`)
	instant   = regexp.MustCompile(`_at$`)
	personal  = regexp.MustCompile(`(^customer_(name|email)$|address|email|phone|^notes$)`)
	secret    = regexp.MustCompile(`token|secret|password`)
)

// violations lists where a schema breaks the rules of this folder's README.
func violations(event, text string) []string {
	schema, err := compatibility.Parse(text)
	if err != nil {
		return []string{err.Error()}
	}
	r := rules{}
	if namespaces[path.Dir(event)] != schema.Namespace() {
		r.broken(schema.FullName(), "is in the folder %s", path.Dir(event))
	}
	if path.Base(event) != schema.Name() {
		r.broken(schema.FullName(), "is in the file %s", path.Base(event))
	}
	if !pastTense.MatchString(schema.Name()) && !slices.Contains(states, schema.Name()) {
		r.broken(schema.Name(), "is not in the past tense")
	}
	if occurred := fieldNamed(schema, "occurred_at"); occurred == nil {
		r.broken(schema.Name(), "has no occurred_at")
	}
	if fieldNamed(schema, "currency") == nil && slices.ContainsFunc(schema.Fields(), func(f *avro.Field) bool { return money.MatchString(f.Name()) }) {
		r.broken(schema.Name(), "has money without a currency")
	}
	r.namespace = schema.Namespace()
	r.schema(schema.Name(), schema)
	return r.found
}

type rules struct {
	namespace string
	found     []string
}

func (r *rules) broken(where, format string, args ...any) {
	r.found = append(r.found, where+" "+fmt.Sprintf(format, args...))
}

func fieldNamed(record *avro.RecordSchema, name string) *avro.Field {
	for _, f := range record.Fields() {
		if f.Name() == name {
			return f
		}
	}
	return nil
}

func (r *rules) schema(where string, s avro.Schema) {
	walkNamed(where, s, func(where string, s avro.Schema) {
		if named, ok := s.(avro.NamedSchema); ok && named.Namespace() != r.namespace {
			r.broken(where, "is of another namespace: %s", named.FullName())
		}
		if documented, ok := s.(interface{ Doc() string }); ok && documented.Doc() == "" {
			r.broken(where, "has no doc")
		}
		switch s := s.(type) {
		case *avro.RecordSchema:
			for _, f := range s.Fields() {
				r.field(where+"."+f.Name(), f)
			}
		case *avro.EnumSchema:
			if s.Default() != "UNKNOWN" {
				r.broken(where, "has the default %q and not UNKNOWN", s.Default())
			}
		case *avro.UnionSchema:
			if len(s.Types()) != 2 || s.Types()[0].Type() != avro.Null {
				r.broken(where, "is a union of other than null and one type")
			}
		}
		switch s.Type() {
		case avro.Float, avro.Double, avro.Bytes, avro.Fixed, avro.Map:
			r.broken(where, "is a %s", s.Type())
		}
	})
}

// walkNamed is walk with a name of the place.
func walkNamed(where string, s avro.Schema, visit func(string, avro.Schema)) {
	s = compatibility.Dereference(s)
	visit(where, s)
	switch s := s.(type) {
	case *avro.RecordSchema:
		for _, f := range s.Fields() {
			walkNamed(where+"."+f.Name(), f.Type(), visit)
		}
	case *avro.ArraySchema:
		walkNamed(where, s.Items(), visit)
	case *avro.MapSchema:
		walkNamed(where, s.Values(), visit)
	case *avro.UnionSchema:
		for _, t := range s.Types() {
			walkNamed(where, t, visit)
		}
	}
}

func (r *rules) field(where string, f *avro.Field) {
	typ, nullable := valueType(f.Type())
	if f.Doc() == "" {
		r.broken(where, "has no doc")
	}
	if nullable && (!f.HasDefault() || f.Default() != nil) {
		r.broken(where, "is nullable without the default null")
	}
	if enum, ok := typ.(*avro.EnumSchema); ok && f.HasDefault() && f.Default() == enum.Default() {
		r.broken(where, "defaults to the enum's UNKNOWN, which consumers park")
	}
	if money.MatchString(f.Name()) && (typ.Type() != avro.Long || logicalType(typ) != "") {
		r.broken(where, "is money and not a plain long of minor units")
	}
	if isTime := typ.Type() == avro.Long && logicalType(typ) == avro.TimestampMicros; isTime != instant.MatchString(f.Name()) {
		r.broken(where, "is timestamp-micros or is named _at, and not both")
	} else if !isTime && logicalType(typ) != "" {
		r.broken(where, "is of the logical type %s", logicalType(typ))
	}
	if personal.MatchString(f.Name()) != (f.Prop("pii") == true) {
		r.broken(where, `is personal data or has "pii": true, and not both`)
	}
	if secret.MatchString(f.Name()) != (f.Prop("sensitive") == true) {
		r.broken(where, `is a secret or has "sensitive": true, and not both`)
	}
}

// valueType is a field's type, without its null.
func valueType(s avro.Schema) (typ avro.Schema, nullable bool) {
	s = compatibility.Dereference(s)
	union, ok := s.(*avro.UnionSchema)
	if !ok {
		return s, false
	}
	return compatibility.Dereference(union.Types()[len(union.Types())-1]), union.Nullable()
}

func logicalType(s avro.Schema) avro.LogicalType {
	if logical, ok := s.(avro.LogicalTypeSchema); ok && logical.Logical() != nil {
		return logical.Logical().Type()
	}
	return ""
}

func TestSchemasKeepTheRules(t *testing.T) {
	now := current(t)
	for _, event := range sortedKeys(now) {
		for _, violation := range violations(event, now[event]) {
			t.Errorf("%s: %s", event, violation)
		}
	}
}

// The generated structs of a package share a nested type, so that its events must agree on it.
func TestNestedTypesOfOneNameAreTheSame(t *testing.T) {
	first := make(map[string]string)
	now := current(t)
	for _, event := range sortedKeys(now) {
		schema, err := compatibility.Parse(now[event])
		if err != nil {
			t.Fatal(err)
		}
		walk(schema, func(s avro.Schema) {
			named, ok := s.(avro.NamedSchema)
			if !ok {
				return
			}
			if known, seen := first[named.FullName()]; seen && known != named.String() {
				t.Errorf("%s of %s differs from an earlier one:\n%s\n%s", named.FullName(), event, known, named)
			}
			first[named.FullName()] = named.String()
		})
	}
}

func TestRulesCatch(t *testing.T) {
	const good = `{"type": "record", "name": "OrderPaid", "namespace": "orderflow.order.v1", "doc": "d", "fields": [
		{"name": "order_id", "type": "string", "doc": "id"},
		{"name": "total", "type": "long", "doc": "d"},
		{"name": "currency", "type": "string", "doc": "d"},
		{"name": "notes", "type": ["null", "string"], "doc": "d", "default": null, "pii": true},
		{"name": "payment_token", "type": ["null", "string"], "doc": "d", "default": null, "sensitive": true},
		{"name": "items", "doc": "d", "type": {"type": "array", "items": {"type": "record", "name": "Item", "doc": "item", "fields": [
			{"name": "status", "doc": "d", "type": {"type": "enum", "name": "Status", "doc": "enum", "symbols": ["UNKNOWN", "PAID"], "default": "UNKNOWN"}},
			{"name": "unit_price", "type": "long", "doc": "nested"}
		]}}},
		{"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "d"}
	]}`
	if found := violations("order/OrderPaid", good); len(found) > 0 {
		t.Fatal(found)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"another folder's namespace":  {`orderflow.order.v1`, `orderflow.payment.v1`, "is in the folder order"},
		"another file":                {`"OrderPaid"`, `"OrderPlaced"`, "is in the file OrderPaid"},
		"present tense":               {`"OrderPaid"`, `"PayOrder"`, "past tense"},
		"record without doc":          {`"doc": "d", "fields"`, `"fields"`, "OrderPaid has no doc"},
		"field without doc":           {`, "doc": "id"`, ``, "order_id has no doc"},
		"nested field without doc":    {`, "doc": "nested"`, ``, "unit_price has no doc"},
		"nested record without doc":   {`"doc": "item", `, ``, "items has no doc"},
		"enum without doc":            {`"doc": "enum", `, ``, "items.status has no doc"},
		"enum without default":        {`, "default": "UNKNOWN"`, ``, "not UNKNOWN"},
		"enum with another default":   {`"default": "UNKNOWN"`, `"default": "PAID"`, "not UNKNOWN"},
		"field with the enum default": {`"default": "UNKNOWN"}`, `"default": "UNKNOWN"}, "default": "UNKNOWN"`, "which consumers park"},
		"double":                      {`"name": "order_id", "type": "string"`, `"name": "ratio", "type": "double"`, "is a double"},
		"float in an array":           {`"name": "order_id", "type": "string"`, `"name": "x", "type": {"type": "array", "items": "float"}`, "is a float"},
		"decimal":                     {`"type": "long", "doc": "nested"`, `"type": {"type": "bytes", "logicalType": "decimal", "precision": 4}, "doc": "nested"`, "not a plain long"},
		"money of int":                {`"name": "unit_price", "type": "long"`, `"name": "unit_price", "type": "int"`, "not a plain long"},
		"money without currency":      {`"currency"`, `"coin"`, "without a currency"},
		"time of millis":              {`timestamp-micros`, `timestamp-millis`, "occurred_at is timestamp-micros or"},
		"time as a number":            {`{"type": "long", "logicalType": "timestamp-micros"}`, `"long"`, "occurred_at is timestamp-micros or"},
		"time without its name":       {`"occurred_at"`, `"when"`, "when is timestamp-micros or"},
		"no occurred_at":              {`"occurred_at"`, `"paid_at"`, "has no occurred_at"},
		"other logical type":          {`"name": "order_id", "type": "string"`, `"name": "order_id", "type": {"type": "string", "logicalType": "uuid"}`, "logical type uuid"},
		"personal data unmarked":      {`, "pii": true`, ``, "notes is personal"},
		"marked, not personal":        {`"doc": "id"`, `"doc": "id", "pii": true`, "order_id is personal"},
		"secret unmarked":             {`, "sensitive": true`, ``, "payment_token is a secret"},
		"nullable without default":    {`"default": null, "pii"`, `"pii"`, "nullable without"},
		"union of two types":          {`["null", "string"], "doc": "d", "default": null, "pii"`, `["string", "long"], "doc": "d", "pii"`, "is a union of"},
		"not a schema":                {`"record"`, `"recrd"`, "unknown type"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(good, test.old, test.new, 1)
			if changed == good {
				t.Fatal("nothing is replaced")
			}
			found := violations("order/OrderPaid", changed)
			if !slices.ContainsFunc(found, func(v string) bool { return strings.Contains(v, test.want) }) {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}
