package rest

import "testing"

func TestRefusedSpeaksTheServicesWords(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"the request is invalid: items: is required","details":[]}}`, "HTTP 400: the request is invalid: items: is required"},
		{`<html>`, "HTTP 400: <html>"},
		{`{"error":"x"}`, `HTTP 400: {"error":"x"}`},
	}
	for _, tt := range tests {
		if got := (&Refused{Code: 400, Body: tt.body}).Error(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.body, got, tt.want)
		}
	}
}
