package errs

import (
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
)

// fieldsOf turns the violations of protovalidate into Fields.
func fieldsOf(err *protovalidate.ValidationError) []Field {
	fields := make([]Field, 0, len(err.Violations))
	for _, v := range err.Violations {
		name := jsonPath(v.Proto.GetField().GetElements())
		if name == "" {
			name = fieldOfRule(v.Proto.GetRuleId())
		}
		fields = append(fields, Field{
			Name:        name,
			Rule:        v.Proto.GetRuleId(),
			Description: v.Proto.GetMessage(),
		})
	}
	return fields
}

// fieldOfRule is what a rule of a whole message is about: by convention its id is the field's path, a dot, and the rule.
func fieldOfRule(id string) string {
	last := strings.LastIndexByte(id, '.')
	if last < 0 || strings.HasPrefix(id, "message.") { // protovalidate's own
		return ""
	}
	return lowerCamel(id[:last])
}

// jsonPath writes a field path in JSON names: items[0].unitPrice, labels["a"].
func jsonPath(elements []*validate.FieldPathElement) string {
	var b strings.Builder
	for i, e := range elements {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(lowerCamel(e.GetFieldName()))
		switch e.WhichSubscript() {
		case validate.FieldPathElement_Index_case:
			b.WriteString("[" + strconv.FormatUint(e.GetIndex(), 10) + "]")
		case validate.FieldPathElement_BoolKey_case:
			b.WriteString("[" + strconv.FormatBool(e.GetBoolKey()) + "]")
		case validate.FieldPathElement_IntKey_case:
			b.WriteString("[" + strconv.FormatInt(e.GetIntKey(), 10) + "]")
		case validate.FieldPathElement_UintKey_case:
			b.WriteString("[" + strconv.FormatUint(e.GetUintKey(), 10) + "]")
		case validate.FieldPathElement_StringKey_case:
			b.WriteString("[" + strconv.Quote(e.GetStringKey()) + "]")
		}
	}
	return b.String()
}

// lowerCamel is the JSON name that protobuf derives from a field name.
func lowerCamel(name string) string {
	var b strings.Builder
	up := false
	for _, r := range name {
		switch {
		case r == '_':
			up = true
		case up && r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
			up = false
		default:
			b.WriteRune(r)
			up = false
		}
	}
	return b.String()
}
