package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// generate makes a service's document.
func generate(swagger []byte, protos *descriptors, common, own *overlay) ([]byte, error) {
	var old openapi2.T
	if err := json.Unmarshal(swagger, &old); err != nil {
		return nil, err
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		return nil, err
	}
	doc.OpenAPI = "3.0.3"
	plainParameters(doc)
	// A reference is followed to the schema that it names, so that what is added to one is added once.
	if err := openapi3.NewLoader().ResolveRefsIn(doc, nil); err != nil {
		return nil, err
	}
	if err := describe(doc, protos, common, own); err != nil {
		return nil, err
	}
	whole, err := tree(doc)
	if err != nil {
		return nil, err
	}
	if err := overlayAll(whole, common, own); err != nil {
		return nil, err
	}
	dropUnused(whole)
	return finish(whole)
}

// plainParameters names a path parameter that is a field of a field, {product.id}, as one that is not, {productId}: two operations of one
// path must agree in its name.
func plainParameters(doc *openapi3.T) {
	for path, item := range doc.Paths.Map() {
		plain := dotted.ReplaceAllStringFunc(path, camel)
		if plain == path {
			continue
		}
		doc.Paths.Delete(path)
		there := doc.Paths.Value(plain)
		if there == nil {
			there = &openapi3.PathItem{}
			doc.Paths.Set(plain, there)
		}
		for verb, operation := range item.Operations() {
			for _, parameter := range operation.Parameters {
				if parameter.Value.In == "path" {
					parameter.Value.Name = camel(parameter.Value.Name)
				}
			}
			there.SetOperation(verb, operation)
		}
	}
}

var dotted = regexp.MustCompile(`\{[^}]*\.[^}]*\}`)

func camel(path string) string {
	words := strings.Split(path, ".")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// overlayAll adds what stands in the overlays, the service's own over what is common.
func overlayAll(whole map[string]any, common, own *overlay) error {
	for _, each := range []*overlay{common, own} {
		said, err := tree(map[string]any{"info": each.Info, "components": each.Components, "paths": each.Paths}) // a copy: it will be changed
		if err != nil {
			return err
		}
		maps.DeleteFunc(said, func(_ string, value any) bool { return value == nil })
		merge(whole, said)
		if len(each.Servers) > 0 {
			whole["servers"] = each.Servers
		}
	}
	whole["security"] = []any{map[string]any{"bearer": []any{}}}
	for _, operation := range operationsOf(whole) {
		id, _ := operation.body["operationId"].(string)
		merge(operation.body, own.Operations[rpcName(id)].Merge)
	}
	return nil
}

// finish checks the document and writes it.
func finish(whole map[string]any) ([]byte, error) {
	if err := errors.Join(incomplete(whole)...); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(whole); err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text.Bytes())
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil { // examples included
		return nil, fmt.Errorf("the document is not valid: %w", err)
	}
	return text.Bytes(), nil
}

// dropUnused removes components that nothing refers to, and those that only they refer to.
func dropUnused(whole map[string]any) {
	components, _ := whole["components"].(map[string]any)
	for dropped := true; dropped; {
		dropped = false
		used := map[string]bool{}
		references(whole, used)
		for kind, named := range components {
			entries, ok := named.(map[string]any)
			if !ok || kind == "securitySchemes" {
				continue
			}
			for _, name := range slices.Collect(maps.Keys(entries)) {
				if !used["#/components/"+kind+"/"+name] {
					delete(entries, name)
					dropped = true
				}
			}
			if len(entries) == 0 {
				delete(components, kind)
			}
		}
	}
}

func references(value any, used map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		if ref, ok := value["$ref"].(string); ok {
			used[ref] = true
		}
		for _, each := range value {
			references(each, used)
		}
	case []any:
		for _, each := range value {
			references(each, used)
		}
	}
}
