package registry

import (
	"net/http"
)

func getLevel(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	value, err := s.setting(s.levels, r, defaultLevel, 40408, "compatibility")
	if err != nil {
		return nil, err
	}
	return map[string]string{"compatibilityLevel": value}, nil
}

func putLevel(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	var body struct {
		Compatibility string `json:"compatibility"`
	}
	if err := decode(w, r, &body); err != nil {
		return nil, err
	}
	if _, ok := levels[body.Compatibility]; !ok {
		return nil, invalidLevel(body.Compatibility)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return body, s.keep(record{Change: "level", Subject: r.PathValue("subject"), Level: body.Compatibility})
}

func deleteLevel(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := r.PathValue("subject")
	own, ok := s.levels[subject]
	if !ok {
		return nil, subjectNotFound(subject)
	}
	return map[string]string{"compatibility": own}, s.keep(record{Change: "level", Subject: subject})
}

func getMode(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	value, err := s.setting(s.modes, r, defaultMode, 40409, "mode")
	if err != nil {
		return nil, err
	}
	return map[string]string{"mode": value}, nil
}

func putMode(s *store, w http.ResponseWriter, r *http.Request) (any, *apiError) {
	var body struct {
		Mode string `json:"mode"`
	}
	if err := decode(w, r, &body); err != nil {
		return nil, err
	}
	if body.Mode != defaultMode && body.Mode != "READONLY" {
		return nil, invalidMode(body.Mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return body, s.keep(record{Change: "mode", Subject: r.PathValue("subject"), Mode: body.Mode})
}

func deleteMode(s *store, _ http.ResponseWriter, r *http.Request) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := r.PathValue("subject")
	own, ok := s.modes[subject]
	if !ok {
		return nil, subjectNotFound(subject)
	}
	return map[string]string{"mode": own}, s.keep(record{Change: "mode", Subject: subject})
}

// setting is a subject's own value, or, for all subjects or when defaultToGlobal=true asks for it, the one that holds for all.
func (s *store) setting(of map[string]string, r *http.Request, otherwise string, missing int, what string) (string, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	subject := r.PathValue("subject")
	if _, own := of[subject]; subject != "" && !own && r.URL.Query().Get("defaultToGlobal") != "true" {
		return "", settingNotFound(subject, missing, what)
	}
	return s.effective(of, subject, otherwise), nil
}
