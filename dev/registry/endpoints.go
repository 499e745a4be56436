package registry

import (
	"encoding/json"
	"net/http"
	"slices"
)

func root(*store, http.ResponseWriter, *http.Request) (any, *apiError) { return struct{}{}, nil }

func types(*store, http.ResponseWriter, *http.Request) (any, *apiError) {
	return []string{"AVRO"}, nil
}

func register(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	parsed, err := candidate(w, r)
	if err != nil {
		return nil, err
	}
	v, err := s.register(r.PathValue("subject"), parsed)
	if err != nil {
		return nil, err
	}
	return map[string]int{"id": v.id}, nil
}

func lookup(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	parsed, err := candidate(w, r)
	if err != nil {
		return nil, err
	}
	return rendered(s.lookup(r.PathValue("subject"), parsed))
}

func compatibility(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	number, err := versionNumber(r)
	if err != nil {
		return nil, err
	}
	parsed, err := candidate(w, r)
	if err != nil {
		return nil, err
	}
	conflicts, err := s.compatibility(r.PathValue("subject"), number, parsed)
	if err != nil {
		return nil, err
	}
	out := struct {
		Compatible bool     `json:"is_compatible"`
		Messages   []string `json:"messages,omitempty"`
	}{Compatible: len(conflicts) == 0}
	if r.URL.Query().Get("verbose") == "true" {
		out.Messages = conflicts
	}
	return out, nil
}

func subjects(s *store, _ http.ResponseWriter, _ *http.Request) (any, *apiError) {
	return s.subjectNames(), nil
}

func versions(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	return s.versions(r.PathValue("subject"))
}

func oneVersion(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	number, err := versionNumber(r)
	if err != nil {
		return nil, err
	}
	return rendered(s.version(r.PathValue("subject"), number))
}

func textByVersion(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	number, err := versionNumber(r)
	if err != nil {
		return nil, err
	}
	v, err := s.version(r.PathValue("subject"), number)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(v.schema.text), nil
}

func rendered(v *version, err *apiError) (any, *apiError) {
	if err != nil {
		return nil, err
	}
	return struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
		ID      int    `json:"id"`
		Schema  string `json:"schema"`
	}{v.subject, v.number, v.id, v.schema.text}, nil
}

func schemaByID(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	id, err := schemaID(r)
	if err != nil {
		return nil, err
	}
	found, err := s.schema(id)
	if err != nil {
		return nil, err
	}
	return map[string]string{"schema": found.text}, nil
}

func textByID(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	id, err := schemaID(r)
	if err != nil {
		return nil, err
	}
	found, err := s.schema(id)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(found.text), nil
}

func versionsByID(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	id, err := schemaID(r)
	if err != nil {
		return nil, err
	}
	uses, err := s.uses(id)
	if err != nil {
		return nil, err
	}
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	var out []use
	for _, v := range uses {
		out = append(out, use{v.subject, v.number})
	}
	return out, nil
}

func subjectsByID(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	id, err := schemaID(r)
	if err != nil {
		return nil, err
	}
	uses, err := s.uses(id)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range uses {
		out = append(out, v.subject)
	}
	return slices.Compact(out), nil
}
