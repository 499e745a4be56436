package registry

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
)

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	maxBody     = 1 << 20
)

// endpoint answers with a body, or refuses.
type endpoint func(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError)

// handler routes the API. Paths that the real registry has and this one does not (deletion, references) answer 404 or 405.
func handler(s *store) http.Handler {
	mux := http.NewServeMux()
	for path, methods := range map[string]map[string]endpoint{
		"/":                                              {http.MethodGet: root},
		"/schemas/types":                                 {http.MethodGet: types},
		"/schemas/ids/{id}":                              {http.MethodGet: schemaByID},
		"/schemas/ids/{id}/schema":                       {http.MethodGet: textByID},
		"/schemas/ids/{id}/subjects":                     {http.MethodGet: subjectsByID},
		"/schemas/ids/{id}/versions":                     {http.MethodGet: versionsByID},
		"/subjects":                                      {http.MethodGet: subjects},
		"/subjects/{subject}":                            {http.MethodPost: lookup},
		"/subjects/{subject}/versions":                   {http.MethodGet: versions, http.MethodPost: register},
		"/subjects/{subject}/versions/{v}":               {http.MethodGet: oneVersion},
		"/subjects/{subject}/versions/{v}/schema":        {http.MethodGet: textByVersion},
		"/compatibility/subjects/{subject}/versions":     {http.MethodPost: compatibility},
		"/compatibility/subjects/{subject}/versions/{v}": {http.MethodPost: compatibility},
		"/config":           {http.MethodGet: getLevel, http.MethodPut: putLevel},
		"/config/{subject}": {http.MethodGet: getLevel, http.MethodPut: putLevel, http.MethodDelete: deleteLevel},
		"/mode":             {http.MethodGet: getMode, http.MethodPut: putMode},
		"/mode/{subject}":   {http.MethodGet: getMode, http.MethodPut: putMode, http.MethodDelete: deleteMode},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			answer, ok := methods[r.Method]
			switch {
			case path == "/" && r.URL.Path != "/":
				write(w, http.StatusNotFound, &apiError{http.StatusNotFound, "HTTP 404 Not Found"})
			case !ok:
				write(w, http.StatusMethodNotAllowed, &apiError{http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed"})
			default:
				respond(s, answer, w, r)
			}
		})
	}
	return mux
}

func respond(s *store, answer endpoint, w http.ResponseWriter, r *http.Request) {
	body, err := answer(s, w, r)
	if err != nil {
		write(w, err.status(), err)
		return
	}
	write(w, http.StatusOK, body)
}

func write(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error_code":500,"message":"The answer can't be written"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client has gone when this fails, and asks again
}

func decode(w http.ResponseWriter, r *http.Request, into any) *apiError {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &apiError{http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB"}
	case err != nil:
		return &apiError{http.StatusBadRequest, "Unable to process JSON: " + err.Error()}
	}
	return nil
}

// candidate reads the schema of a request.
func candidate(w http.ResponseWriter, r *http.Request) (schema, *apiError) {
	var body struct {
		Schema     string            `json:"schema"`
		SchemaType string            `json:"schemaType"`
		References []json.RawMessage `json:"references"`
	}
	if err := decode(w, r, &body); err != nil {
		return schema{}, err
	}
	if body.SchemaType != "" && body.SchemaType != "AVRO" {
		return schema{}, unprocessable("Schemas of type %q are not supported: AVRO is", body.SchemaType)
	}
	if len(body.References) > 0 {
		return schema{}, unprocessable("References to other subjects are not supported")
	}
	parsed, err := parse(body.Schema)
	if err != nil {
		return schema{}, invalidSchema(err)
	}
	return parsed, nil
}

// versionNumber reads {v}; a path without it means all versions.
func versionNumber(r *http.Request) (int, *apiError) {
	text := r.PathValue("v")
	switch text {
	case "":
		return allVersions, nil
	case "latest", "-1":
		return latest, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, invalidVersion(text)
	}
	return n, nil
}

func schemaID(r *http.Request) (int, *apiError) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return 0, &apiError{http.StatusNotFound, "HTTP 404 Not Found"}
	}
	return id, nil
}
