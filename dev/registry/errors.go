package registry

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is a refusal with the codes of the Confluent API.
type apiError struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// status is the HTTP status: the first three digits of the code.
func (e *apiError) status() int {
	for code := e.Code; ; code /= 10 {
		if code < 1000 {
			return code
		}
	}
}

func subjectNotFound(subject string) *apiError {
	return &apiError{40401, fmt.Sprintf("Subject '%s' not found.", subject)}
}
func versionNotFound(number int) *apiError {
	return &apiError{40402, fmt.Sprintf("Version %d not found.", number)}
}
func schemaNotFound() *apiError { return &apiError{40403, "Schema not found"} }
func idNotFound(id int) *apiError {
	return &apiError{40403, fmt.Sprintf("Schema %d not found", id)}
}
func settingNotFound(subject string, code int, what string) *apiError {
	return &apiError{code, fmt.Sprintf("Subject '%s' does not have subject-level %s configured", subject, what)}
}
func invalidSchema(err error) *apiError {
	return &apiError{42201, "Invalid schema: " + err.Error()}
}
func invalidVersion(text string) *apiError {
	return &apiError{42202, fmt.Sprintf("The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text)}
}
func invalidLevel(text string) *apiError {
	return &apiError{42203, fmt.Sprintf("Invalid compatibility level %q", text)}
}
func invalidMode(text string) *apiError {
	return &apiError{42204, fmt.Sprintf("Invalid mode %q: READWRITE and READONLY are known", text)}
}
func notPermitted(subject string) *apiError {
	return &apiError{42205, fmt.Sprintf("Subject %s is in read-only mode", subject)}
}
func incompatible(subject string, conflicts []string) *apiError {
	return &apiError{http.StatusConflict, fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [%s]",
		subject, strings.Join(conflicts, "; "))}
}
func storeFailed(err error) *apiError {
	return &apiError{50001, "Error in the backend data store: " + err.Error()}
}
func unprocessable(format string, args ...any) *apiError {
	return &apiError{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}
