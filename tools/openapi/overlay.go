package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// overlay is what the .proto files can't say.
type overlay struct {
	// Info is merged into the document's info.
	Info map[string]any `yaml:"info"`
	// Servers is the document's list of servers.
	Servers []any `yaml:"servers"`
	// Parameters are examples of parameters by their name, for all operations.
	Parameters map[string]any `yaml:"parameters"`
	// Operations describes RPCs by their name.
	Operations map[string]operationOverlay `yaml:"operations"`
	// Paths are routes that are no RPC, as OpenAPI 3 writes them.
	Paths map[string]any `yaml:"paths"`
	// Components are OpenAPI 3 components; those that nothing refers to are left out.
	Components map[string]any `yaml:"components"`
	// Values holds anchors for the examples, and is not read.
	Values any `yaml:"values"`
}

// operationOverlay is what is to be said of one RPC.
type operationOverlay struct {
	// Status of an answer; 200 when absent.
	Status int `yaml:"status"`
	// Takes names the parameters of components that are headers of the request.
	Takes []string `yaml:"takes"`
	// Gives names the headers of components that an answer has.
	Gives []string `yaml:"gives"`
	// Parameters are examples by name, where those of the whole do not fit.
	Parameters map[string]any `yaml:"parameters"`
	// Request and Response are examples of the bodies.
	Request  any `yaml:"request"`
	Response any `yaml:"response"`
	// Merge goes over the operation last, as OpenAPI 3; null removes.
	Merge map[string]any `yaml:"merge"`
}

func readOverlay(path string) (*overlay, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	read := &overlay{}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return read, nil
}

// merge puts one tree of objects over another; a null removes, as in RFC 7396.
func merge(into, from map[string]any) {
	for key, value := range from {
		object, isObject := value.(map[string]any)
		under, wasObject := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isObject && wasObject:
			merge(under, object)
		default:
			into[key] = value
		}
	}
}

// tree gives a value as JSON has it: maps, lists, strings, numbers.
func tree(value any) (map[string]any, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var decoded map[string]any
	return decoded, json.Unmarshal(encoded, &decoded)
}
