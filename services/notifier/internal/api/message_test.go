package api

import "testing"

func TestMask(t *testing.T) {
	for recipient, want := range map[string]string{
		"kim@example.com":                       "k***@example.com",
		"김@example.com":                         "김***@example.com",
		`"kim@home"@example.com`:                `"***@example.com`,
		"@example.com":                          "***@example.com",
		"https://hook.example/T0/secret?k=v":    "https://hook.example/***",
		"https://user:secret@hook.example:8443": "https://hook.example:8443/***",
		"nobody":                                "***",
		"":                                      "***",
	} {
		if got := mask(recipient); got != want {
			t.Errorf("%q is shown as %q, want %q", recipient, got, want)
		}
	}
}
