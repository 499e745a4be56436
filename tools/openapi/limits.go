package main

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/getkin/kin-openapi/openapi3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// limitObject puts the rules of a message's fields on the schema of that message, and on those of the messages in it.
func limitObject(schema *openapi3.Schema, message protoreflect.MessageDescriptor, done map[*openapi3.Schema]bool) {
	if done[schema] || !schema.Type.Is(openapi3.TypeObject) {
		return
	}
	done[schema] = true
	no := false
	schema.AdditionalProperties = openapi3.AdditionalProperties{Has: &no} // an unknown field is refused
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		property := schema.Properties[field.JSONName()]
		if property == nil || property.Value == nil {
			continue
		}
		if property.Ref == "" { // what is referred to is limited for all, where it stands
			limitField(property.Value, field)
		}
		inner := property.Value
		if field.IsList() && inner.Items != nil {
			inner = inner.Items.Value
		}
		if field.Kind() == protoreflect.MessageKind && !field.IsMap() {
			limitObject(inner, field.Message(), done)
		}
	}
}

// keepMasked leaves those fields of a resource that the rule of the update mask allows: any other in a body is refused.
func keepMasked(schema *openapi3.Schema, resource protoreflect.MessageDescriptor, mask protoreflect.FieldDescriptor) {
	rules, _ := proto.GetExtension(mask.Options(), validate.E_Field).(*validate.FieldRules)
	allowed := rules.GetFieldMask().GetIn()
	for name := range schema.Properties {
		field := resource.Fields().ByJSONName(name)
		if len(allowed) > 0 && (field == nil || !slices.Contains(allowed, string(field.Name()))) {
			delete(schema.Properties, name)
		}
	}
}

func limitField(schema *openapi3.Schema, field protoreflect.FieldDescriptor) {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	if rules == nil {
		rules = &validate.FieldRules{}
	}
	if field.IsList() {
		list := rules.GetRepeated()
		schema.MinItems = list.GetMinItems()
		if list.HasMaxItems() {
			schema.MaxItems = proto.Uint64(list.GetMaxItems())
		}
		schema.UniqueItems = list.GetUnique()
		if schema.Items != nil && schema.Items.Ref == "" {
			limitValue(schema.Items.Value, field.Kind(), list.GetItems())
		}
		return
	}
	limitValue(schema, field.Kind(), rules)
}

func limitValue(schema *openapi3.Schema, kind protoreflect.Kind, rules *validate.FieldRules) {
	switch kind {
	case protoreflect.StringKind:
		limitString(schema, rules.GetString(), rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE)
	case protoreflect.Int32Kind:
		limitInt32(schema, rules.GetInt32())
	case protoreflect.Int64Kind:
		limitInt64(schema, rules.GetInt64())
	}
}

func limitString(schema *openapi3.Schema, rules *validate.StringRules, orEmpty bool) {
	schema.MinLength = rules.GetMinLen()
	if rules.HasMaxLen() {
		schema.MaxLength = proto.Uint64(rules.GetMaxLen())
	}
	if rules.HasPattern() {
		schema.Pattern = rules.GetPattern()
		if orEmpty {
			schema.Pattern = "^$|" + schema.Pattern
		}
	}
}

func limitInt32(schema *openapi3.Schema, rules *validate.Int32Rules) {
	switch {
	case rules.HasGt():
		schema.Min, schema.ExclusiveMin = number(int64(rules.GetGt())), true
	case rules.HasGte():
		schema.Min = number(int64(rules.GetGte()))
	}
	switch {
	case rules.HasLt():
		schema.Max, schema.ExclusiveMax = number(int64(rules.GetLt())), true
	case rules.HasLte():
		schema.Max = number(int64(rules.GetLte()))
	}
}

func number(n int64) *float64 {
	f := float64(n)
	return &f
}

// A 64-bit integer is a string in JSON, whose bounds no keyword can tell: the pattern tells its sign, the description the bounds.
func limitInt64(schema *openapi3.Schema, rules *validate.Int64Rules) {
	schema.Pattern = integer
	var from, to string
	switch {
	case rules.HasGt():
		from = fmt.Sprintf("above %d", rules.GetGt())
		if rules.GetGt() >= 0 {
			schema.Pattern = positive
		}
	case rules.HasGte():
		from = fmt.Sprintf("at least %d", rules.GetGte())
		if rules.GetGte() >= 0 {
			schema.Pattern = notNegative
		}
	}
	switch {
	case rules.HasLt():
		to = fmt.Sprintf("below %d", rules.GetLt())
	case rules.HasLte():
		to = fmt.Sprintf("at most %d", rules.GetLte())
	}
	bounds := from
	if from != "" && to != "" {
		bounds += ", "
	}
	if bounds += to; bounds != "" && !strings.Contains(schema.Description, wholeNumber) {
		schema.Description = sentence(schema.Description) + wholeNumber + bounds + "."
	}
}

const (
	integer     = "^-?(0|[1-9][0-9]*)$"
	notNegative = "^(0|[1-9][0-9]*)$"
	positive    = "^[1-9][0-9]*$"
)

const wholeNumber = "A whole number, "

// sentence is a text that another sentence can follow.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return text + " "
}

// requireAnswer marks what each answer has: proto3 JSON, as the services write it, leaves out messages that are not set, and nothing else.
// Schemas that requests use as well are left as they are.
func requireAnswer(schema *openapi3.Schema, message protoreflect.MessageDescriptor, asked, done map[*openapi3.Schema]bool) {
	if done[schema] || !schema.Type.Is(openapi3.TypeObject) {
		return
	}
	done[schema] = true
	if !asked[schema] {
		schema.Required = nil
	}
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		property := schema.Properties[field.JSONName()]
		if property == nil || property.Value == nil {
			continue
		}
		if !asked[schema] && (field.IsList() || !field.HasPresence()) {
			schema.Required = append(schema.Required, field.JSONName())
		}
		inner := property.Value
		if field.IsList() && inner.Items != nil {
			inner = inner.Items.Value
		}
		if field.Kind() == protoreflect.MessageKind && !field.IsMap() {
			requireAnswer(inner, field.Message(), asked, done)
		}
	}
}
