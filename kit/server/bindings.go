package server

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// bindings adds what the google.api.http rules of the methods say of their routes: the generated code passes over a query parameter where it
// expects none, and over a field of the body that the path gives, too. Either would be a call that does not do what its caller wrote.
func (k routeKinds) bindings(methods []string, maxBytes int64) {
	for _, full := range methods {
		method := methodNamed(full)
		if method == nil {
			continue // of a service that is registered without its descriptor has no route either
		}
		rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil {
			continue
		}
		for _, rule := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
			verb, path := verbAndPath(rule)
			fixed := fieldsInPath(path)
			kind := kindOfRoute{accepts: []string{jsonType, curlDefault}, maxBytes: maxBytes}
			kind.noQuery = rule.GetBody() == "*" || allTaken(method.Input(), append(slices.Clone(fixed), protoreflect.Name(rule.GetBody())))
			if rule.GetBody() == "*" {
				kind.fixed = fixed
			}
			k[verb+" "+strings.ReplaceAll(path, "=*}", "}")] = kind
		}
	}
}

// allTaken tells whether path and body leave no field for the query.
func allTaken(input protoreflect.MessageDescriptor, taken []protoreflect.Name) bool {
	for i := range input.Fields().Len() {
		if !slices.Contains(taken, input.Fields().Get(i).Name()) {
			return false
		}
	}
	return true
}

func methodNamed(full string) protoreflect.MethodDescriptor {
	service, name, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil
	}
	descriptor, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil
	}
	return descriptor.Methods().ByName(protoreflect.Name(name))
}

func verbAndPath(rule *annotations.HttpRule) (verb, path string) {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, pattern.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, pattern.Post
	case *annotations.HttpRule_Put:
		return http.MethodPut, pattern.Put
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, pattern.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, pattern.Delete
	}
	return rule.GetCustom().GetKind(), rule.GetCustom().GetPath()
}

var inPath = regexp.MustCompile(`\{(\w+)`)

// fieldsInPath are the fields of the request that the path gives, or gives a part of.
func fieldsInPath(path string) []protoreflect.Name {
	var fields []protoreflect.Name
	for _, match := range inPath.FindAllStringSubmatch(path, -1) {
		fields = append(fields, protoreflect.Name(match[1]))
	}
	return fields
}

// fieldFromPath is a field of the body that the path has given already.
func fieldFromPath(message proto.Message, fixed []protoreflect.Name) error {
	read := message.ProtoReflect()
	for _, name := range fixed {
		if field := read.Descriptor().Fields().ByName(name); field != nil && read.Has(field) {
			return badField(field.JSONName(), ruleUnknownField, "stands in the path, and is no field of the body")
		}
	}
	return nil
}
