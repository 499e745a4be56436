package edgetest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// internal texts tell of what is behind the edge: languages, libraries, statements, files.
var internal = []string{
	"sql:", "SQLSTATE", "sqlite", "SELECT ", "INSERT ", "pgx", "constraint failed", "proto:", "protobuf", "rpc error", "grpc:", "json:", "strconv.",
	"invalid character", "unexpected EOF", "goroutine", "panic", "runtime error", "nil pointer", ".go:", "/root/", "/tmp/", "/usr/", "dial tcp",
	"context canceled", "context deadline", "http:", "mime:", "url:", "hunter2",
}

// Faults tells what is wrong with what a server sent back for a request.
func Faults(r Request, text string, err error) []string {
	if err != nil {
		return []string{fmt.Sprintf("no whole answer: %v, after %q", err, text)}
	}
	var faults []string
	asked := strings.ToLower(r.text())
	for _, word := range internal {
		if strings.Contains(text, word) && !strings.Contains(asked, strings.ToLower(word)) {
			faults = append(faults, fmt.Sprintf("%q is nobody's business", word))
		}
	}
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	if r.Method == http.MethodHead { // net/http's own refusals have a body all the same
		text = head + "\r\n\r\n"
	}
	in := bufio.NewReader(strings.NewReader(text))
	for n := 0; ; n++ {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			if n == 0 {
				faults = append(faults, "no answer at all")
			}
			return faults
		}
		resp, err := http.ReadResponse(in, &http.Request{Method: strings.TrimSpace(r.Method)})
		if err != nil {
			return append(faults, "not HTTP: "+err.Error())
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read to its end
		if err != nil {
			return append(faults, fmt.Sprintf("HTTP %d: the body is not whole: %v", resp.StatusCode, err))
		}
		faults = append(faults, faultsOf(r, resp, string(body))...)
	}
}

func faultsOf(r Request, resp *http.Response, body string) []string {
	var faults []string
	if resp.Header.Get("X-Injected") != "" {
		faults = append(faults, "a header was injected")
	}
	if !utf8.ValidString(body) {
		faults = append(faults, "the body is not UTF-8")
	}
	if resp.StatusCode < 400 || resp.Header.Get("X-Request-Id") == "" { // what net/http can't read it answers itself, in plain text
		if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented && resp.StatusCode != http.StatusHTTPVersionNotSupported {
			faults = append(faults, resp.Status)
		}
		return faults
	}
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
		faults = append(faults, fmt.Sprintf("HTTP %d: %s", resp.StatusCode, body))
	}
	if r.Method == http.MethodHead {
		return faults
	}
	var shown struct {
		Error struct {
			Code    int
			Status  string
			Message string
			Details []struct {
				Type string `json:"@type"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &shown); err != nil || shown.Error.Status == "" || shown.Error.Message == "" || shown.Error.Code != resp.StatusCode {
		return append(faults, fmt.Sprintf("HTTP %d: not the usual error: %s", resp.StatusCode, body))
	}
	types := fmt.Sprint(shown.Error.Details)
	if !strings.Contains(types, "google.rpc.ErrorInfo") || !strings.Contains(types, "google.rpc.RequestInfo") {
		faults = append(faults, fmt.Sprintf("HTTP %d: details are missing: %s", resp.StatusCode, body))
	}
	return faults
}
