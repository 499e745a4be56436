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
		if got := accepts([]string{tt.header}, eventStreamType); got != tt.want {
			t.Errorf("%q: %v", tt.header, got)
		}
	}
	if !accepts(nil, eventStreamType) {
		t.Error("without the header everything is accepted")
	}
	if !accepts([]string{"application/json", "text/event-stream"}, eventStreamType) {
		t.Error("a header given twice is one list")
	}
}
