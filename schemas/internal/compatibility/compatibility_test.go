package compatibility

import (
	"strings"
	"testing"
)

const released = `{"type": "record", "name": "OrderPlaced", "namespace": "test.v1", "doc": "d", "fields": [
	{"name": "order_id", "type": "string"},
	{"name": "total", "type": "long"},
	{"name": "quantity", "type": "int"},
	{"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
	{"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["UNKNOWN", "PAID", "HELD"], "default": "UNKNOWN"}},
	{"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [{"name": "sku", "type": "string"}]}}},
	{"name": "labels", "type": {"type": "map", "values": "long"}},
	{"name": "first", "type": ["null", "Item"], "default": null},
	{"name": "notes", "type": ["null", "string"], "default": null, "pii": true}
]}`

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string // what is replaced in the released schema by what
		broken   string // "" when the change is allowed
	}{
		"nothing":                     {"", "", ""},
		"doc":                         {`"doc": "d"`, `"doc": "other"`, ""},
		"new field with default":      {`"fields": [` + "\n", `"fields": [{"name": "gift", "type": "boolean", "default": false},`, ""},
		"removed field with default":  {`,` + "\n\t" + `{"name": "notes", "type": ["null", "string"], "default": null, "pii": true}`, ``, ""},
		"new symbol":                  {`"PAID", "HELD"`, `"PAID", "HELD", "LOST"`, ""},
		"symbols in another order":    {`"PAID", "HELD"`, `"HELD", "PAID"`, ""},
		"new nested field, default":   {`{"name": "sku", "type": "string"}`, `{"name": "sku", "type": "string"}, {"name": "n", "type": "int", "default": 1}`, ""},
		"not JSON":                    {`{"type"`, `{type`, "newer schema"},
		"default of another type":     {`"long"}`, `"long", "default": "x"}`, "newer schema"},
		"no longer a record":          {released, `"string"`, "not a record"},
		"new field without default":   {`"fields": [` + "\n", `"fields": [{"name": "gift", "type": "boolean"},`, "newer release can't read"},
		"removed field, no default":   {`{"name": "total", "type": "long"},`, ``, "older release can't read"},
		"renamed field":               {`"name": "order_id"`, `"name": "id"`, "can't read"},
		"renamed field with alias":    {`"name": "order_id"`, `"name": "id", "aliases": ["order_id"]`, "older release can't read"},
		"renamed with default, alias": {`"name": "notes"`, `"name": "remarks", "aliases": ["notes"]`, "remarks has an alias"},
		"renamed record":              {`"name": "OrderPlaced"`, `"name": "OrderMade"`, "names do not match"},
		"record with alias":           {`"name": "OrderPlaced"`, `"name": "OrderPlaced", "aliases": ["OrderMade"]`, "has an alias"},
		"another namespace":           {`"test.v1"`, `"test.v2"`, "record test.v1.OrderPlaced became record test.v2.OrderPlaced"},
		"renamed nested record":       {`Item`, `Line`, "names do not match"},
		"renamed enum":                {`"name": "Status"`, `"name": "State"`, "names do not match"},
		"enum with alias":             {`"name": "Status"`, `"name": "Status", "aliases": ["State"]`, "has an alias"},
		"int became long":             {`"name": "quantity", "type": "int"`, `"name": "quantity", "type": "long"`, "older release can't read"},
		"long became int":             {`"name": "total", "type": "long"`, `"name": "total", "type": "int"`, "newer release can't read"},
		"long became double":          {`"name": "total", "type": "long"`, `"name": "total", "type": "double"`, "can't read"},
		"string became bytes":         {`"name": "order_id", "type": "string"`, `"name": "order_id", "type": "bytes"`, "string became bytes"},
		"nested string became bytes":  {`"name": "sku", "type": "string"`, `"name": "sku", "type": "bytes"`, "string became bytes"},
		"map of another type":         {`"values": "long"`, `"values": "string"`, "can't read"},
		"map of another logical type": {`"values": "long"`, `"values": {"type": "long", "logicalType": "timestamp-micros"}`, "labels: long became"},
		"micros became millis":        {`timestamp-micros`, `timestamp-millis`, "at: long"},
		"time became a number":        {`{"type": "long", "logicalType": "timestamp-micros"}`, `"long"`, "at: long"},
		"became nullable":             {`"name": "total", "type": "long"`, `"name": "total", "type": ["null", "long"], "default": null`, "older release can't read"},
		"no longer nullable":          {`"type": ["null", "string"], "default": null`, `"type": "string", "default": ""`, "can't read"},
		"union of more types":         {`["null", "string"]`, `["null", "string", "long"]`, "older release can't read"},
		"union of other types":        {`["null", "string"]`, `["null", "bytes"]`, "string is no longer in the union"},
		"union of fewer types":        {`["null", "Item"]`, `["null"]`, "can't read"},
		"removed symbol":              {`"PAID", "HELD"`, `"PAID"`, "symbol HELD"},
		"removed symbol, no default":  {`"PAID", "HELD"], "default": "UNKNOWN"`, `"PAID"]`, "missing symbol HELD"},
		"renamed symbol":              {`"HELD"`, `"STOPPED"`, "symbol HELD"},
		"other enum default":          {`"default": "UNKNOWN"`, `"default": "PAID"`, `became "PAID"`},
		"no enum default":             {`, "default": "UNKNOWN"`, ``, `became ""`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(released, test.old) {
				t.Fatal("nothing is replaced")
			}
			err := Check(strings.Replace(released, test.old, test.new, replacements(test.old)), released)
			switch {
			case test.broken == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.broken != "" && err == nil:
				t.Error("allowed")
			case test.broken != "" && !strings.Contains(err.Error(), test.broken):
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
}

// replacements lets a name be replaced where it is referred to as well.
func replacements(old string) int {
	if old == "Item" {
		return -1
	}
	return 1
}

func TestOlderSchemaMustParse(t *testing.T) {
	if err := Check(released, "{"); err == nil || !strings.Contains(err.Error(), "older schema") {
		t.Error(err)
	}
}
