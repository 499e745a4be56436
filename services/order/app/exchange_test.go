package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"orderflow.example/kit/sqldb/sqldbtest"
	"orderflow.example/order/app"
)

// eachDatabase runs the test on a service of its own on each database.
func eachDatabase(t *testing.T, test func(t *testing.T, r *rig), change ...func(*app.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, start(t, change...)) })
	t.Run("postgres", func(t *testing.T) {
		url := sqldbtest.PostgresURL(t)
		test(t, start(t, append(change, func(cfg *app.Config) { cfg.DatabaseURL = url })...))
	})
}

// answer is one over REST.
type answer struct {
	code   int
	header http.Header
	body   map[string]any // nil without a body
}

// exchange makes a REST call with headers, given as name and value in turn.
func (r *rig) exchange(method, path, token, body string, headers ...string) answer {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.http+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	got := answer{code: response.StatusCode, header: response.Header}
	if response.StatusCode == http.StatusNotModified {
		return got
	}
	if err := json.NewDecoder(response.Body).Decode(&got.body); err != nil {
		r.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// says tells whether the answer has all of the words.
func (a answer) says(words ...string) bool {
	text, err := json.Marshal(a.body)
	if err != nil {
		return false
	}
	for _, word := range words {
		if !strings.Contains(string(text), word) {
			return false
		}
	}
	return true
}

// told is all that an error says to its caller.
func told(err error) string {
	text := status.Convert(err).Message()
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			text += fmt.Sprint(d.GetFieldViolations())
		case *errdetails.ErrorInfo:
			text += d.GetReason() + fmt.Sprint(d.GetMetadata())
		case *errdetails.RetryInfo:
			text += fmt.Sprint("retry ", d.GetRetryDelay().AsDuration())
		}
	}
	return text
}
