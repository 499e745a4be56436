package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// Headers are too long, or they reach the method: never is their length a fault of ours.
func TestLongHeaders(t *testing.T) {
	r := start(t)
	seen := map[int]bool{}
	for _, size := range []int{1_000, 9_000, 15_000, 16_000, 17_000, 19_000, 20_000, 25_000} {
		for name, header := range map[string]http.Header{
			"one":  {"Authorization": {"Bearer " + strings.Repeat("x", size)}},
			"many": {"If-Match": make([]string, size/len("If-Match: \r\n"))},
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+"/v1/shelves/s1", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header = header
			response, err := r.client.Do(request)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, size, err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			seen[response.StatusCode] = true
			if response.StatusCode >= 500 {
				t.Errorf("%s, %d bytes: HTTP %d", name, size, response.StatusCode)
			}
		}
	}
	if !seen[http.StatusOK] || !seen[http.StatusRequestHeaderFieldsTooLarge] {
		t.Errorf("seen are %v", seen)
	}
}
