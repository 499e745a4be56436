package server

import "testing"

func TestAccepts(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   bool
	}{
		{"text/event-stream", true},
		{"*/*", true},
		{"text/*;q=0.1", true},
		{"application/json, */*;q=0.8", true},
		{"Text/Event-Stream ; charset=utf-8", true},
		{"application/json", false},
		{"text/html", false},
		{"*/*, text/event-stream;q=0", false},
		{"text/*;q=0, */*", false},
		{"text/*;q=0, text/event-stream", true},
		{"nonsense//", false},
	} {
		if got := acceptsEvents([]string{tt.header}); got != tt.want {
			t.Errorf("%q: %v", tt.header, got)
		}
	}
	if !acceptsEvents(nil) {
		t.Error("without the header everything is accepted")
	}
	if !acceptsEvents([]string{"application/json", "text/event-stream"}) {
		t.Error("a header given twice is one list")
	}
}
