package server

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const maxJSONDepth = 100 // messages within messages

// jsonCodec is proto3 JSON with lowerCamel names. It writes every field but messages that are not set: statuses, zeros and empty lists are
// visible, and a time that has not come is absent rather than null. It reads strictly: what it does not know is refused.
type jsonCodec struct{ runtime.JSONPb }

func newJSONCodec() *jsonCodec {
	return &jsonCodec{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{RecursionLimit: maxJSONDepth},
	}}
}

// Marshal writes the same bytes in every build: protojson puts a space behind commas in one build and none in the next.
func (c *jsonCodec) Marshal(v any) ([]byte, error) {
	text, err := c.JSONPb.Marshal(v)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	compact.Grow(len(text))
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// NewDecoder reads one JSON value that is all of the input. Its errors name the field.
func (c *jsonCodec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return io.EOF // the gateway takes it for an empty message, and validation says what it lacks
		}
		if message := messageOf(v); message != nil {
			err = c.UnmarshalOptions.Unmarshal(body, message)
		} else {
			err = c.Unmarshal(body, v)
		}
		if err != nil {
			return explain(err.Error(), body)
		}
		if limited, ok := r.(limitedBody); ok {
			if message, ok := v.(proto.Message); ok {
				return fieldFromPath(message, limited.fixed)
			}
		}
		return nil
	})
}

// messageOf gives the message behind v, which is one, or a pointer to a field that holds one.
func messageOf(v any) proto.Message {
	if message, ok := v.(proto.Message); ok {
		return message
	}
	field := reflect.ValueOf(v)
	if field.Kind() != reflect.Pointer || field.Elem().Kind() != reflect.Pointer {
		return nil
	}
	message, ok := reflect.New(field.Type().Elem().Elem()).Interface().(proto.Message)
	if !ok {
		return nil
	}
	field.Elem().Set(reflect.ValueOf(message))
	return message
}

// located is how protojson writes its errors: where, and what.
var (
	located      = regexp.MustCompile(`(syntax error )?\(line (\d+):(\d+)\): (.*)`)
	invalidValue = regexp.MustCompile(`^invalid value for (\w+) (?:field|key)`)
	invalidKnown = regexp.MustCompile(`^(?:invalid )?google\.protobuf\.(\w+) value`)
)

// explain turns an error of protojson into one that names field and rule and repeats none of its words.
func explain(text string, body []byte) error {
	match := located.FindStringSubmatch(text)
	if match == nil {
		if !json.Valid(body) || strings.Contains(text, io.ErrUnexpectedEOF.Error()) { // half of a surrogate pair looks like the end, too
			return malformedJSON(endOf(body))
		}
		return badField("", ruleType, "the body does not fit the request, or is nested too deeply")
	}
	line, column, what := atoi(match[2]), atoi(match[3]), match[4]
	misplaced := strings.HasPrefix(what, "unexpected token") && json.Valid(body) // an object for a number, say: fine as JSON
	if match[1] != "" && !misplaced {
		return malformedJSON(line, column)
	}
	name := fieldAt(body, line, column)
	switch {
	case strings.HasPrefix(what, "unknown field"):
		return badField(name, ruleUnknownField, "is not a field of this request")
	case strings.HasPrefix(what, "duplicate"):
		return badField(name, ruleDuplicateField, "is given twice")
	case strings.HasPrefix(what, "error parsing"):
		return badField(name, ruleOneof, "excludes another field that is given, too")
	}
	return badField(name, ruleType, expected(what))
}

// expected says what a value ought to have been.
func expected(what string) string {
	if m := invalidValue.FindStringSubmatch(what); m != nil {
		switch m[1] {
		case "enum":
			return "is not one of the allowed values"
		case "bytes":
			return "is not valid base64"
		default:
			return "is not a valid " + m[1]
		}
	}
	if m := invalidKnown.FindStringSubmatch(what); m != nil {
		return "is not a valid " + strings.ToLower(m[1])
	}
	return "has the wrong type"
}

func endOf(body []byte) (line, column int) {
	last := body[bytes.LastIndexByte(body, '\n')+1:]
	return bytes.Count(body, []byte{'\n'}) + 1, utf8.RuneCount(last) + 1
}

// atoi reads digits that a pattern has found.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
