package service

import (
	"strings"
	"testing"
	"testing/fstest"
)

func documents() API {
	return API{
		Documents: fstest.MapFS{"shelves.json": {Data: []byte(`{"openapi":"3.0.3","info":{"title":"Shelves"}}`)}},
		Events:    fstest.MapFS{"asyncapi.json": {Data: []byte(`{}`)}, "events.html": {Data: []byte(`<p>`)}},
	}
}

func TestDocumentsAreShownUnlessInProduction(t *testing.T) {
	yes, no := true, false
	for _, test := range []struct {
		name        string
		environment string
		enabled     *bool
		shown       bool
	}{
		{"development", "development", nil, true},
		{"production", "production", nil, false},
		{"production that asks for them", "production", &yes, true},
		{"development without them", "development", &no, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Service{Spec: Spec{Name: "shelves"}, Config: Config{Environment: test.environment, DocsEnabled: test.enabled}}
			if err := s.document(documents()); err != nil {
				t.Fatal(err)
			}
			if shown := s.API.OpenAPI != nil; shown != test.shown || (len(s.API.Docs.Pages) == 2) != test.shown || (s.API.Docs.Title == "Shelves") != test.shown {
				t.Errorf("OpenAPI shown: %t, %+v", shown, s.API.Docs)
			}
		})
	}
}

// What is missing or broken is found at the start, whether it would be shown or not.
func TestBrokenDocuments(t *testing.T) {
	for name, spoil := range map[string]func(*API){
		"no document":  func(a *API) { a.Documents = fstest.MapFS{} },
		"no JSON":      func(a *API) { a.Documents = fstest.MapFS{"shelves.json": {Data: []byte(`{`)}} },
		"no catalogue": func(a *API) { a.Events = fstest.MapFS{"events.html": {}} },
		"no page":      func(a *API) { a.Events = fstest.MapFS{"asyncapi.json": {}} },
	} {
		for _, environment := range []string{"development", production} {
			api := documents()
			spoil(&api)
			s := &Service{Spec: Spec{Name: "shelves"}, Config: Config{Environment: environment}}
			if err := s.document(api); err == nil {
				t.Errorf("%s, %s: no error", name, environment)
			}
		}
	}
}

func TestDocsEnabledIsYesOrNo(t *testing.T) {
	type config struct {
		DocsEnabled *bool `env:"DOCS_ENABLED"`
	}
	for value, want := range map[string]string{"true": "", "false": "", "perhaps": `DOCS_ENABLED="perhaps": must be true or false`} {
		_, err := Parse[config]([]string{"DOCS_ENABLED=" + value})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
	if cfg, err := Parse[config](nil); err != nil || cfg.DocsEnabled != nil {
		t.Errorf("unset: %v, %v", cfg.DocsEnabled, err)
	}
}
