package received

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// List answers GET /messages?limit=N (default 100): the newest first, with the count of all.
func (b *Box[T]) List(w http.ResponseWriter, r *http.Request) {
	limit := 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "limit must be a positive number", http.StatusBadRequest)
			return
		}
		limit = n
	}
	body := struct {
		Count    int `json:"count"`
		Messages []T `json:"messages"`
	}{Count: b.Count(), Messages: b.All()}
	slices.Reverse(body.Messages)
	body.Messages = append([]T{}, body.Messages[:min(limit, len(body.Messages))]...) // an empty list, never null
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false) // people read it
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(body); err != nil {
		http.Error(w, "the messages can't be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = raw.WriteTo(w) // the client has gone when this fails
}
