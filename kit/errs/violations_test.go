package errs

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

func TestViolationsBecomeFields(t *testing.T) {
	name := func(n string) *validate.FieldPathElement {
		return &validate.FieldPathElement{FieldName: proto.String(n)}
	}
	with := func(e *validate.FieldPathElement, set func(*validate.FieldPathElement)) *validate.FieldPathElement {
		set(e)
		return e
	}
	tests := []struct {
		path []*validate.FieldPathElement
		want string
	}{
		{[]*validate.FieldPathElement{name("shipping_address_2nd")}, "shippingAddress2nd"},
		{[]*validate.FieldPathElement{with(name("items"), func(e *validate.FieldPathElement) { e.SetIndex(3) }), name("unit_price")}, "items[3].unitPrice"},
		{[]*validate.FieldPathElement{with(name("by_name"), func(e *validate.FieldPathElement) { e.SetStringKey(`a"b`) }), name("x")}, `byName["a\"b"].x`},
		{[]*validate.FieldPathElement{with(name("m"), func(e *validate.FieldPathElement) { e.SetIntKey(-1) })}, "m[-1]"},
		{[]*validate.FieldPathElement{with(name("m"), func(e *validate.FieldPathElement) { e.SetUintKey(1) })}, "m[1]"},
		{[]*validate.FieldPathElement{with(name("m"), func(e *validate.FieldPathElement) { e.SetBoolKey(true) })}, "m[true]"},
	}
	for _, tt := range tests {
		err := &protovalidate.ValidationError{Violations: []*protovalidate.Violation{{Proto: &validate.Violation{
			Field: &validate.FieldPath{Elements: tt.path}, RuleId: proto.String("int32.lte"), Message: proto.String("must be small"),
		}}}}
		e := From(err)
		if e.Code != InvalidArgument || len(e.Fields) != 1 || e.Fields[0] != (Field{Name: tt.want, Rule: "int32.lte", Description: "must be small"}) {
			t.Errorf("%+v, want %s", e, tt.want)
		}
	}
}

func TestRuleOfAMessageNamesItsField(t *testing.T) {
	for id, want := range map[string]string{"product.unit_price.above_zero": "product.unitPrice", "carrier.only_when_shipped": "carrier", "message.oneof": "", "plain": ""} {
		err := &protovalidate.ValidationError{Violations: []*protovalidate.Violation{{Proto: &validate.Violation{RuleId: proto.String(id)}}}}
		if e := From(err); len(e.Fields) != 1 || e.Fields[0].Name != want {
			t.Errorf("%s: %+v, want %s", id, e.Fields, want)
		}
	}
}
