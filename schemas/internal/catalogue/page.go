package main

import (
	"bytes"
	_ "embed" // for the template
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"orderflow.example/schemas"
)

//go:embed page.html
var pageText string

func page(topics []topic) ([]byte, error) {
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"keys": keysOf,
		"days": func(t topic) int { return int(t.Retention.Hours() / 24) },
		"list": func(names []string) string { return strings.Join(names, ", ") },
		"json": func(value any) (string, error) {
			text, err := json.MarshalIndent(value, "", "  ")
			return string(text), err
		},
		"emitted": emitted,
		"release": release,
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var deadLetters []schemas.Topic
	for _, service := range schemas.Services() {
		deadLetters = append(deadLetters, schemas.DeadLetter(service))
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{"Topics": topics, "DeadLetters": deadLetters, "Headers": headers()})
	return text.Bytes(), err
}

// headers are the CloudEvents headers, required ones first.
func headers() []field {
	described := cloudEvent()["headers"].(object)
	required := described["required"].([]string)
	var all []field
	for name, value := range described["properties"].(object) {
		about := value.(object)
		doc, _ := about["description"].(string)
		if fixed, ok := about["const"].(string); ok {
			doc = "Always " + fixed + "."
		}
		kind := "sometimes"
		if contains(required, name) {
			kind = "always"
		}
		all = append(all, field{Path: name, Type: kind, Doc: doc})
	}
	slices.SortFunc(all, func(a, b field) int { return strings.Compare(a.Type+a.Path, b.Type+b.Path) })
	return all
}

func contains(all []string, one string) bool { return slices.Contains(all, one) }
