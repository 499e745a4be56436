package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// swagger is what protoc-gen-openapiv2 makes of shelf().
const swagger = `{
  "swagger": "2.0", "info": {"title": "Shelves", "version": "v1"}, "tags": [{"name": "Shelves"}],
  "consumes": ["application/json"], "produces": ["application/json"],
  "paths": {
    "/v1/shelves": {"post": {"operationId": "Shelves_CreateShelf", "summary": "Adds a shelf. It is empty.", "tags": ["Shelves"],
      "parameters": [{"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Shelf"}}],
      "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Shelf"}}}}},
    "/v1/shelves/{shelf.name}": {"patch": {"operationId": "Shelves_UpdateShelf", "summary": "Changes a shelf.", "tags": ["Shelves"],
      "parameters": [{"name": "shelf.name", "in": "path", "required": true, "type": "string"},
        {"name": "shelf", "in": "body", "required": true, "schema": {"type": "object", "properties": {"height": {"type": "integer", "format": "int32"}, "price": {"type": "string", "format": "int64"}}}}],
      "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Shelf"}}}}}
  },
  "definitions": {"Shelf": {"type": "object", "properties": {
    "name": {"type": "string"}, "height": {"type": "integer", "format": "int32"}, "price": {"type": "string", "format": "int64"},
    "labels": {"type": "array", "items": {"type": "string"}}}}}
}`

// shelf is the .proto file of a small service.
func shelf(t *testing.T) *descriptors {
	t.Helper()
	ruled := func(rules *validate.FieldRules) *descriptorpb.FieldOptions {
		options := &descriptorpb.FieldOptions{}
		proto.SetExtension(options, validate.E_Field, rules)
		return options
	}
	routed := func(rule *annotations.HttpRule) *descriptorpb.MethodOptions {
		options := &descriptorpb.MethodOptions{}
		proto.SetExtension(options, annotations.E_Http, rule)
		return options
	}
	field := func(number int32, name string, kind descriptorpb.FieldDescriptorProto_Type, rules *validate.FieldRules) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{Name: &name, JsonName: &name, Number: &number, Type: &kind,
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Options: ruled(rules)}
	}
	const text, message = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	labels := field(4, "labels", text, &validate.FieldRules{Type: &validate.FieldRules_Repeated{Repeated: validate.RepeatedRules_builder{MaxItems: proto.Uint64(3)}.Build()}})
	labels.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	resource, mask := field(1, "shelf", message, &validate.FieldRules{}), field(2, "update_mask", message,
		&validate.FieldRules{Type: &validate.FieldRules_FieldMask{FieldMask: validate.FieldMaskRules_builder{In: []string{"height"}}.Build()}})
	resource.TypeName, mask.TypeName = proto.String(".shop.Shelf"), proto.String(".google.protobuf.FieldMask")
	mask.JsonName = proto.String("updateMask")
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("shop.proto"), Package: proto.String("shop"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/field_mask.proto"},
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("Shelf"), Field: []*descriptorpb.FieldDescriptorProto{
				field(1, "name", text, &validate.FieldRules{Type: &validate.FieldRules_String_{String_: validate.StringRules_builder{MinLen: proto.Uint64(1), MaxLen: proto.Uint64(9), Pattern: proto.String("^[a-z]*$")}.Build()}}),
				field(2, "height", descriptorpb.FieldDescriptorProto_TYPE_INT32, &validate.FieldRules{Type: &validate.FieldRules_Int32{Int32: &validate.Int32Rules{
					GreaterThan: &validate.Int32Rules_Gt{Gt: 0}, LessThan: &validate.Int32Rules_Lte{Lte: 5}}}}),
				field(3, "price", descriptorpb.FieldDescriptorProto_TYPE_INT64, &validate.FieldRules{Type: &validate.FieldRules_Int64{Int64: &validate.Int64Rules{
					GreaterThan: &validate.Int64Rules_Gte{Gte: 0}, LessThan: &validate.Int64Rules_Lt{Lt: 100}}}}),
				labels,
			}},
			{Name: proto.String("UpdateShelfRequest"), Field: []*descriptorpb.FieldDescriptorProto{resource, mask}},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Shelves"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("CreateShelf"), InputType: proto.String(".shop.Shelf"), OutputType: proto.String(".shop.Shelf"),
				Options: routed(&annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/shelves"}, Body: "*"})},
			{Name: proto.String("UpdateShelf"), InputType: proto.String(".shop.UpdateShelfRequest"), OutputType: proto.String(".shop.Shelf"),
				Options: routed(&annotations.HttpRule{Pattern: &annotations.HttpRule_Patch{Patch: "/v1/shelves/{shelf.name}"}, Body: "shelf"})},
		}}},
	}
	read, err := newDescriptors(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(fieldmaskpb.File_google_protobuf_field_mask_proto), file,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func overlays(t *testing.T) (common, own *overlay) {
	t.Helper()
	common, err := readOverlay(filepath.Join("..", "..", "proto", "openapi", "overlay", "common.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	one := map[string]any{"name": "a", "height": 1, "price": "0", "labels": []any{}}
	return common, &overlay{
		Parameters: map[string]any{"shelfName": "a"},
		Operations: map[string]operationOverlay{
			"CreateShelf": {Status: 201, Takes: []string{"Idempotency-Key"}, Gives: []string{"ETag"}, Request: one, Response: one},
			"UpdateShelf": {Request: map[string]any{"height": 2}, Response: one},
		},
	}
}

func TestGenerate(t *testing.T) {
	common, own := overlays(t)
	own.Paths = map[string]any{"/v1/shelves:import": map[string]any{"post": map[string]any{
		"operationId": "Shelves_Import", "summary": "Adds many", "tags": []any{"Shelves"},
		"requestBody": map[string]any{"content": map[string]any{"text/csv": map[string]any{"schema": map[string]any{"type": "string"}, "example": "name\na\n"}}},
		"responses":   map[string]any{"204": map[string]any{"description": "Done."}, "default": map[string]any{"$ref": "#/components/responses/Error"}},
	}}}
	text, err := generate([]byte(swagger), shelf(t), common, own)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"openapi": `"3.0.3"`,
		"components.schemas.Shelf.properties.name.maxLength":                 `9`,
		"components.schemas.Shelf.properties.name.pattern":                   `"^[a-z]*$"`,
		"components.schemas.Shelf.properties.height.exclusiveMinimum":        `true`,
		"components.schemas.Shelf.properties.height.maximum":                 `5`,
		"components.schemas.Shelf.properties.price.pattern":                  `"` + notNegative + `"`,
		"components.schemas.Shelf.properties.price.description":              `"A whole number, at least 0, below 100."`,
		"components.schemas.Shelf.properties.labels.maxItems":                `3`,
		"components.schemas.Shelf.additionalProperties":                      `false`,
		"components.securitySchemes.bearer.scheme":                           `"bearer"`,
		"components.parameters.If-Match":                                     `null`, // nothing takes it
		"paths./v1/shelves.post.summary":                                     `"Adds a shelf"`,
		"paths./v1/shelves.post.responses.201.headers.ETag.$ref":             `"#/components/headers/ETag"`,
		"paths./v1/shelves.post.responses.200":                               `null`,
		"paths./v1/shelves.post.responses.409.$ref":                          `"#/components/responses/Conflict"`,
		"paths./v1/shelves/{shelfName}.patch.responses.404.$ref":             `"#/components/responses/NotFound"`,
		"paths./v1/shelves/{shelfName}.patch.parameters.0.schema.maxLength":  `9`,
		"paths./v1/shelves/{shelfName}.patch.parameters.0.example":           `"a"`,
		"paths./v1/shelves:import.post.responses.204.description":            `"Done."`,
		"paths./v1/shelves.post.requestBody.content.application/json.schema": `{"$ref":"#/components/schemas/Shelf"}`,
		// The mask allows no other field.
		"paths./v1/shelves/{shelfName}.patch.requestBody.content.application/json.schema.properties": `{"height":{"exclusiveMinimum":true,"format":"int32","maximum":5,"minimum":0,"type":"integer"}}`,
	} {
		got, err := json.Marshal(at(doc, strings.Split(strings.ReplaceAll(path, "application/json", "application~json"), ".")))
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// at walks down a JSON tree.
func at(value any, path []string) any {
	for _, name := range path {
		name = strings.ReplaceAll(name, "~", "/")
		switch inner := value.(type) {
		case map[string]any:
			value = inner[name]
		case []any:
			value = inner[name[0]-'0']
		default:
			return nil
		}
	}
	return value
}

// Whoever adds an RPC is told what its description lacks, and where that goes.
func TestGenerateTellsWhatIsMissing(t *testing.T) {
	change := func(name string, alter func(*operationOverlay)) func(*overlay) {
		return func(o *overlay) {
			said := o.Operations[name]
			alter(&said)
			o.Operations[name] = said
		}
	}
	for _, test := range []struct {
		name    string
		swagger string
		alter   func(*overlay)
		want    string
	}{
		{"no request example", swagger, change("CreateShelf", func(o *operationOverlay) { o.Request = nil }),
			"CreateShelf (POST /v1/shelves) has no example of its request body: add operations.CreateShelf.request"},
		{"no answer example", swagger, change("UpdateShelf", func(o *operationOverlay) { o.Response = nil }),
			"UpdateShelf (PATCH /v1/shelves/{shelfName}) has no example of its answer 200: add operations.UpdateShelf.response"},
		{"no entry at all", swagger, func(o *overlay) { delete(o.Operations, "CreateShelf") }, "add operations.CreateShelf.request"},
		{"no parameter example", swagger, func(o *overlay) { o.Parameters = nil }, "has no example of its parameter shelfName: add parameters.shelfName"},
		{"no summary", strings.Replace(swagger, "Adds a shelf. It is empty.", "", 1), func(*overlay) {},
			"CreateShelf (POST /v1/shelves) has no summary: write a comment above the RPC"},
		{"no such RPC", swagger, func(o *overlay) { o.Operations["DropShelf"] = operationOverlay{} }, "operations.DropShelf: there is no such RPC"},
		{"example breaks a limit", swagger, change("UpdateShelf", func(o *operationOverlay) { o.Request = map[string]any{"height": 6} }), "number must be at most 5"},
		{"example has an unknown field", swagger, change("UpdateShelf", func(o *operationOverlay) { o.Request = map[string]any{"price": "1"} }), `property "price" is unsupported`},
		{"unknown header", swagger, change("CreateShelf", func(o *operationOverlay) { o.Takes = []string{"Nonsense"} }), "Nonsense"},
	} {
		t.Run(test.name, func(t *testing.T) {
			common, own := overlays(t)
			test.alter(own)
			_, err := generate([]byte(test.swagger), shelf(t), common, own)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %q", err, test.want)
			}
		})
	}
}
