package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

var verbs = []string{"get", "put", "post", "delete", "patch"}

// operation is one of a document's operations, as JSON.
type operation struct {
	verb, path string
	body       map[string]any
}

func (o operation) String() string {
	id, _ := o.body["operationId"].(string)
	return fmt.Sprintf("%s (%s %s)", rpcName(id), strings.ToUpper(o.verb), o.path)
}

// rpcName is the part of an operation id that overlays use. The further paths of an RPC have ids with a number at the end.
func rpcName(operationID string) string {
	_, name, ok := strings.Cut(operationID, "_")
	if !ok {
		return operationID
	}
	return strings.TrimRight(name, "0123456789")
}

func operationsOf(whole map[string]any) []operation {
	var all []operation
	paths, _ := whole["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(map[string]any)
		for _, verb := range verbs {
			if body, ok := item[verb].(map[string]any); ok {
				all = append(all, operation{verb, path, body})
			}
		}
	}
	return all
}

// incomplete tells what a reader would miss in each operation, and where to add it.
func incomplete(whole map[string]any) []error {
	var missing []error
	for _, o := range operationsOf(whole) {
		lack := func(what, remedy string) {
			missing = append(missing, fmt.Errorf("%s has no %s: %s", o, what, remedy))
		}
		id, _ := o.body["operationId"].(string)
		if id == "" {
			lack("operationId", "name the route under paths")
		}
		if summary, _ := o.body["summary"].(string); strings.TrimSpace(summary) == "" {
			lack("summary", "write a comment above the RPC, or a summary in the overlay's paths")
		}
		if request, ok := o.body["requestBody"].(map[string]any); ok && !hasExamples(request) {
			lack("example of its request body", "add operations."+rpcName(id)+".request")
		}
		missing = append(missing, incompleteAnswers(o)...)
		for _, parameter := range list(o.body["parameters"]) {
			if parameter["in"] == "path" && parameter["example"] == nil && parameter["examples"] == nil {
				lack(fmt.Sprintf("example of its parameter %v", parameter["name"]), fmt.Sprintf("add parameters.%v", parameter["name"]))
			}
		}
	}
	return missing
}

func incompleteAnswers(o operation) []error {
	id, _ := o.body["operationId"].(string)
	responses, _ := o.body["responses"].(map[string]any)
	answered := false
	for status, response := range responses {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		answered = true
		if response, ok := response.(map[string]any); ok && !hasExamples(response) {
			return []error{fmt.Errorf("%s has no example of its answer %s: add operations.%s.response", o, status, rpcName(id))}
		}
	}
	if !answered {
		return []error{fmt.Errorf("%s has no answer of %d or the like: add it to its responses", o, http.StatusOK)}
	}
	return nil
}

// hasExamples tells whether each content of a body has an example. A body without content needs none.
func hasExamples(body map[string]any) bool {
	content, _ := body["content"].(map[string]any)
	for _, media := range content {
		media, ok := media.(map[string]any)
		if !ok || (media["example"] == nil && media["examples"] == nil) {
			return false
		}
	}
	return true
}

// list gives the objects of a JSON list.
func list(value any) []map[string]any {
	var all []map[string]any
	values, _ := value.([]any)
	for _, each := range values {
		if object, ok := each.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}
