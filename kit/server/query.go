package server

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"orderflow.example/kit/errs"
)

// The gateway has one query parser per process, whatever mux the option is given to; set before any server is there, it is safe.
func init() {
	runtime.SetQueryParameterParser(strictQuery{})(nil)
}

// strictQuery refuses a query parameter that is no field of the request: a misspelt filter would otherwise list everything.
type strictQuery struct{ runtime.DefaultQueryParser }

// ReadQuery reads a Route's query parameters into the request of a method, as strictly as the gateway does.
func ReadQuery(r *http.Request, message proto.Message) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errs.New(errs.InvalidArgument, "MALFORMED_PATH", "the query is malformed")
	}
	return strictQuery{}.Parse(message, values, &utilities.DoubleArray{})
}

var mapKey = regexp.MustCompile(`\[.*\]$`)

// Parse implements runtime.QueryParameterParser.
func (q strictQuery) Parse(message proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	for key, texts := range values {
		if !isField(message.ProtoReflect().Descriptor(), strings.Split(mapKey.ReplaceAllString(key, ""), ".")) {
			return badField(key, ruleUnknownField, "is not a parameter of this request")
		}
		if filter.HasCommonPrefix(textNames(message.ProtoReflect().Descriptor(), strings.Split(key, "."))) { // the parser would pass over it
			return badField(key, ruleUnknownField, "is given by the path or the body, and is not a parameter of this request")
		}
		if !utf8.ValidString(key) || !utf8.ValidString(strings.Join(texts, "")) {
			return badField(key, ruleType, "is not valid UTF-8")
		}
	}
	if q.DefaultQueryParser.Parse(message, values, filter) == nil {
		spellMasks(message)
		return nil
	}
	for key, texts := range values { // which one was it?
		alone := message.ProtoReflect().New().Interface()
		if q.DefaultQueryParser.Parse(alone, url.Values{key: texts}, filter) != nil {
			return badField(key, ruleType, "is not a valid value")
		}
	}
	return badField("", ruleDuplicateField, "a query parameter is given twice, under both of its names")
}

func isField(message protoreflect.MessageDescriptor, path []string) bool {
	for i, name := range path {
		if message == nil {
			return false
		}
		field := message.Fields().ByJSONName(name)
		if field == nil {
			field = message.Fields().ByTextName(name)
		}
		if field == nil {
			return false
		}
		if i < len(path)-1 && field.IsList() {
			return false
		}
		message = field.Message()
	}
	return true
}

// textNames writes a field's path, which isField has found, in the names of the .proto.
func textNames(message protoreflect.MessageDescriptor, path []string) []string {
	names := make([]string, 0, len(path))
	for _, name := range path {
		name = mapKey.ReplaceAllString(name, "")
		field := message.Fields().ByJSONName(name)
		if field == nil {
			field = message.Fields().ByTextName(name)
		}
		names = append(names, string(field.Name()))
		message = field.Message()
	}
	return names
}

// spellMasks writes the paths of masks as the fields are called in the .proto. Proto3 JSON has them in lowerCamelCase, and the gateway takes
// them over as they are.
func spellMasks(message proto.Message) {
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return true
		}
		if mask, ok := value.Message().Interface().(*fieldmaskpb.FieldMask); ok {
			for i, path := range mask.Paths {
				mask.Paths[i] = snakeCase(path)
			}
		}
		return true
	})
}

func snakeCase(path string) string {
	return upperCase.ReplaceAllStringFunc(path, func(letter string) string { return "_" + strings.ToLower(letter) })
}

var upperCase = regexp.MustCompile(`[A-Z]`)
