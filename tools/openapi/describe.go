package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// describe says of each RPC what the descriptors and the overlays know.
func describe(doc *openapi3.T, protos *descriptors, common, own *overlay) error {
	doc.Components.SecuritySchemes = openapi3.SecuritySchemes{"bearer": {Value: openapi3.NewJWTSecurityScheme()}}
	doc.Security = nil
	asked, answered := map[*openapi3.Schema]bool{}, map[*openapi3.Schema]bool{}
	d := describer{protos: protos, common: common, own: own, asked: asked}
	known := map[string]bool{}
	var failures []error
	for path, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			method := protos.method(operation.OperationID)
			if method == nil {
				return fmt.Errorf("no .proto file has %s", operation.OperationID)
			}
			known[string(method.Name())] = true
			failures = append(failures, d.operation(path, operation, method))
		}
	}
	for _, item := range doc.Paths.Map() { // once it is known what requests use
		for _, operation := range item.Operations() {
			method := protos.method(operation.OperationID)
			schema := answerSchema(operation)
			if schema != nil && method.IsStreamingServer() && schema.Properties["result"] != nil {
				schema = schema.Properties["result"].Value
			}
			if schema != nil {
				requireAnswer(schema, method.Output(), asked, answered)
			}
		}
	}
	for name := range own.Operations {
		if !known[name] {
			failures = append(failures, fmt.Errorf("operations.%s: there is no such RPC", name))
		}
	}
	return errors.Join(failures...)
}

type describer struct {
	protos      *descriptors
	common, own *overlay
	asked       map[*openapi3.Schema]bool // schemas that requests use
}

func (d describer) operation(path string, o *openapi3.Operation, method protoreflect.MethodDescriptor) error {
	said := d.own.Operations[string(method.Name())]
	rule, err := d.protos.access(method)
	if err != nil {
		return err
	}
	o.Summary, o.Description = texts(o.Summary, o.Description, rule)
	d.parameters(o, method, said)
	if body := o.RequestBody; body != nil && body.Value != nil {
		d.body(body.Value, method, said)
	}
	status := said.Status
	if status == 0 {
		status = http.StatusOK
	}
	answer := &openapi3.Response{Description: ptr(description(method)), Headers: openapi3.Headers{"X-Request-Id": header("X-Request-Id")}}
	if old := o.Responses.Status(http.StatusOK); old != nil && old.Value != nil {
		answer.Content = old.Value.Content
	}
	for _, media := range answer.Content {
		media.Example = said.Response
	}
	for _, name := range said.Gives {
		answer.Headers[name] = header(name)
	}
	o.Responses = openapi3.NewResponses()
	o.Responses.Delete("default")
	o.Responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Value: answer})
	for code, name := range failuresOf(path, o, rule, said, status) {
		o.Responses.Set(code, &openapi3.ResponseRef{Ref: "#/components/responses/" + name})
	}
	if rule.public {
		o.Security = openapi3.NewSecurityRequirements()
	}
	return nil
}

// failuresOf are the answers of an operation that fails, each by its name in the components of the common overlay.
func failuresOf(path string, o *openapi3.Operation, rule access, said operationOverlay, status int) map[string]string {
	failures := map[string]string{"429": "TooManyRequests", "503": "Unavailable", "default": "Error"}
	if len(o.Parameters) > 1 || o.RequestBody != nil { // X-Request-Id is always taken, and never refused
		failures["400"] = "BadRequest"
	}
	if !rule.public {
		failures["401"], failures["403"] = "Unauthenticated", "Forbidden"
	}
	if strings.Contains(path, "{") {
		failures["404"] = "NotFound"
	}
	if slices.Contains(said.Takes, "Idempotency-Key") || slices.Contains(said.Takes, "If-Match") || status == http.StatusCreated {
		failures["409"] = "Conflict"
	}
	return failures
}

// texts makes a summary of the first sentence and a description of the rest and of who may call.
func texts(summary, description string, rule access) (string, string) {
	all := strings.TrimSpace(summary + " " + description)
	first, rest, _ := strings.Cut(all, ". ")
	who := "For callers with one of the roles " + strings.Join(rule.roles, ", ") + "."
	if rule.owner {
		who += " A customer reaches only what is their own."
	}
	if rule.public {
		who = "Needs no token."
	}
	return strings.TrimSuffix(first, "."), strings.TrimSpace(rest + "\n\n" + who)
}

func (d describer) parameters(o *openapi3.Operation, method protoreflect.MethodDescriptor, said operationOverlay) {
	for _, parameter := range o.Parameters {
		p := parameter.Value
		if p.Name == "updateMask" {
			p.Required = false // the gateway makes it of the body's fields
		}
		if field := fieldAt(method.Input(), p.Name); field != nil && p.Schema != nil && p.Schema.Ref == "" {
			limitField(p.Schema.Value, field)
		}
		for _, examples := range []map[string]any{d.common.Parameters, d.own.Parameters, said.Parameters} {
			if example, ok := examples[p.Name]; ok {
				p.Example = example
			}
		}
	}
	for _, name := range append([]string{"X-Request-Id"}, said.Takes...) {
		o.Parameters = append(o.Parameters, &openapi3.ParameterRef{Ref: "#/components/parameters/" + name})
	}
}

func (d describer) body(body *openapi3.RequestBody, method protoreflect.MethodDescriptor, said operationOverlay) {
	message := method.Input()
	if body.Extensions["x-originalParamName"] != nil {
		delete(body.Extensions, "x-originalParamName")
	}
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if field := message.Fields().ByName(protoreflect.Name(rule.GetBody())); field != nil {
		message = field.Message()
	}
	for _, media := range body.Content {
		media.Example = said.Request
		if mask := method.Input().Fields().ByName("update_mask"); mask != nil {
			keepMasked(media.Schema.Value, message, mask)
		}
		limitObject(media.Schema.Value, message, d.asked)
	}
}

// fieldAt finds the field of a parameter: "pageSize", "product.id" or, in a path, "productId".
func fieldAt(message protoreflect.MessageDescriptor, path string) (field protoreflect.FieldDescriptor) {
	if message.Fields().ByJSONName(path) == nil && !strings.Contains(path, ".") {
		for i := range message.Fields().Len() {
			outer := message.Fields().Get(i)
			rest, ok := strings.CutPrefix(path, outer.JSONName())
			if ok && rest != "" && outer.Message() != nil {
				return outer.Message().Fields().ByJSONName(strings.ToLower(rest[:1]) + rest[1:])
			}
		}
	}
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil
		}
		if field = message.Fields().ByJSONName(name); field == nil {
			return nil
		}
		message = field.Message()
	}
	return field
}

func answerSchema(o *openapi3.Operation) *openapi3.Schema {
	for status, response := range o.Responses.Map() {
		if !strings.HasPrefix(status, "2") || response.Value == nil {
			continue
		}
		for _, media := range response.Value.Content {
			return media.Schema.Value
		}
	}
	return nil
}

// description of an answer: what its message is.
func description(method protoreflect.MethodDescriptor) string {
	if text := comment(method.Output()); text != "" {
		return text
	}
	return "The answer."
}

func header(name string) *openapi3.HeaderRef {
	return &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
}

func ptr(text string) *string { return &text }
