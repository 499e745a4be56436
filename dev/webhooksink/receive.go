package webhooksink

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// receive keeps a webhook, or fails as the beginning of the path says:
//
//	/bounce…     410, for good
//	/busy-once…  503 the first time, for each path and webhook-id
//	/busy…       503, always
//	/slow…       keeps it and answers late
//	/lost-once…  keeps it, and cuts the connection without an answer the first time, for each path and webhook-id
func (s *Sink) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		s.refuse(w, status)
		return
	}
	begins := func(prefix string) bool { return strings.HasPrefix(r.URL.Path, prefix) }
	switch {
	case s.down.Load():
		s.refuse(w, http.StatusServiceUnavailable)
		return
	case begins("/bounce"):
		s.refuse(w, http.StatusGone)
		return
	case begins("/busy-once"):
		if s.first(r) {
			s.refuse(w, http.StatusServiceUnavailable)
			return
		}
	case begins("/busy"):
		s.refuse(w, http.StatusServiceUnavailable)
		return
	}
	hook := Webhook{ReceivedAt: time.Now().UTC(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Headers: r.Header, Body: string(body)}
	if err := s.Add(hook); err != nil {
		s.refuse(w, http.StatusInternalServerError)
		return
	}
	switch {
	case begins("/slow"):
		s.linger(r)
	case begins("/lost-once"):
		if s.first(r) {
			s.cut(w)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sink) refuse(w http.ResponseWriter, status int) {
	s.refused.Add(1)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, http.StatusText(status), status)
}

func (s *Sink) first(r *http.Request) bool {
	call := r.URL.Path + " " + r.Header.Get("Webhook-Id")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried[call] {
		return false
	}
	s.tried[call] = true
	return true
}

func (s *Sink) linger(r *http.Request) {
	delay := time.NewTimer(s.slow)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-r.Context().Done():
	case <-s.closing:
	}
}

// cut ends the connection in the middle of the answer's first line, and does not return. With no byte sent, Go's client would
// repeat a call that carries an idempotency key by itself, and its user would never see the loss.
func (s *Sink) cut(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = buffered.WriteString("HTTP/") // whether these bytes arrive makes no difference
		_ = buffered.Flush()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
