package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"orderflow.example/dev/internal/journal"
)

// The levels and modes that hold where nothing else is set.
const (
	defaultLevel = "FULL_TRANSITIVE"
	defaultMode  = "READWRITE"
)

// version is one version of a subject.
type version struct {
	subject string
	number  int // from 1
	id      int // the schema's, over all subjects
	schema  schema
}

// store holds what is registered. A change is on disk before anybody sees it.
type store struct {
	journal *journal.Journal

	mu       sync.RWMutex
	subjects map[string][]*version
	byID     map[int]schema
	ids      map[string]int    // by identity
	levels   map[string]string // by subject, "" for all
	modes    map[string]string
}

func newStore() *store {
	return &store{subjects: map[string][]*version{}, byID: map[int]schema{}, ids: map[string]int{},
		levels: map[string]string{}, modes: map[string]string{}}
}

// record is one change as the journal keeps it; an empty Level or Mode takes the subject's own one away.
type record struct {
	Change  string `json:"change"` // "schema", "level" or "mode"
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
	ID      int    `json:"id,omitempty"`
	Schema  string `json:"schema,omitempty"`
	Level   string `json:"level,omitempty"`
	Mode    string `json:"mode,omitempty"`
}

func (s *store) replay(raw []byte) error {
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	return s.apply(r)
}

// keep writes a change to disk and applies it; the caller holds mu.
func (s *store) keep(r record) *apiError {
	raw, err := json.Marshal(r)
	if err == nil {
		err = s.journal.Append(raw).Wait()
	}
	if err == nil {
		err = s.apply(r)
	}
	if err != nil {
		return storeFailed(err)
	}
	return nil
}

func (s *store) apply(r record) error {
	switch r.Change {
	case "schema":
		parsed, err := parse(r.Schema)
		if err != nil {
			return err
		}
		s.subjects[r.Subject] = append(s.subjects[r.Subject], &version{subject: r.Subject, number: r.Version, id: r.ID, schema: parsed})
		s.byID[r.ID] = parsed
		s.ids[parsed.identity] = r.ID
	case "level":
		set(s.levels, r.Subject, r.Level)
	case "mode":
		set(s.modes, r.Subject, r.Mode)
	default:
		return fmt.Errorf("unknown change %q", r.Change)
	}
	return nil
}

func set(of map[string]string, subject, value string) {
	if value == "" {
		delete(of, subject)
	} else {
		of[subject] = value
	}
}

// register adds a version to the subject, unless it has the schema already, and returns the version.
func (s *store) register(subject string, candidate schema) (*version, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.find(subject, candidate); known != nil {
		return known, nil
	}
	if s.effective(s.modes, subject, defaultMode) != defaultMode {
		return nil, notPermitted(subject)
	}
	versions := s.subjects[subject]
	level := levels[s.effective(s.levels, subject, defaultLevel)]
	if conflicts := level.conflicts(candidate, level.against(versions)); len(conflicts) > 0 {
		return nil, incompatible(subject, conflicts)
	}
	id, ok := s.ids[candidate.identity]
	if !ok {
		id = len(s.byID) + 1
	}
	err := s.keep(record{Change: "schema", Subject: subject, Version: len(versions) + 1, ID: id, Schema: candidate.text})
	if err != nil {
		return nil, err
	}
	return s.find(subject, candidate), nil
}

func (s *store) find(subject string, candidate schema) *version {
	for _, v := range s.subjects[subject] {
		if v.schema.identity == candidate.identity {
			return v
		}
	}
	return nil
}

func (s *store) lookup(subject string, candidate schema) (*version, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.subjects[subject]) == 0 {
		return nil, subjectNotFound(subject)
	}
	if v := s.find(subject, candidate); v != nil {
		return v, nil
	}
	return nil, schemaNotFound()
}

// compatibility lists the conflicts with one version (0: the newest, -1: all that the subject's level asks for).
func (s *store) compatibility(subject string, number int, candidate schema) ([]string, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	versions := s.subjects[subject]
	level := levels[s.effective(s.levels, subject, defaultLevel)]
	switch {
	case number == allVersions:
		versions = level.against(versions)
	case number == latest:
		versions = versions[max(0, len(versions)-1):]
	case len(versions) == 0:
		return nil, subjectNotFound(subject)
	case number > len(versions):
		return nil, versionNotFound(number)
	default:
		versions = versions[number-1 : number]
	}
	return level.conflicts(candidate, versions), nil
}

// The version numbers that name no single number.
const (
	latest      = 0
	allVersions = -1
)

func (s *store) version(subject string, number int) (*version, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	versions := s.subjects[subject]
	if len(versions) == 0 {
		return nil, subjectNotFound(subject)
	}
	if number == latest {
		number = len(versions)
	}
	if number > len(versions) {
		return nil, versionNotFound(number)
	}
	return versions[number-1], nil
}

func (s *store) versions(subject string) ([]int, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.subjects[subject]) == 0 {
		return nil, subjectNotFound(subject)
	}
	var numbers []int
	for _, v := range s.subjects[subject] {
		numbers = append(numbers, v.number)
	}
	return numbers, nil
}

func (s *store) schema(id int) (schema, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.byID[id]
	if !ok {
		return schema{}, idNotFound(id)
	}
	return found, nil
}

// uses lists the versions that have the schema, in the order of their subjects.
func (s *store) uses(id int) ([]*version, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.byID[id]; !ok {
		return nil, idNotFound(id)
	}
	var found []*version
	for _, subject := range slices.Sorted(maps.Keys(s.subjects)) {
		for _, v := range s.subjects[subject] {
			if v.id == id {
				found = append(found, v)
			}
		}
	}
	return found, nil
}

func (s *store) subjectNames() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(s.subjects))))
}

// effective is the subject's own setting, else the one for all; the caller holds mu.
func (s *store) effective(of map[string]string, subject, otherwise string) string {
	if value, ok := of[subject]; ok {
		return value
	}
	if value, ok := of[""]; ok {
		return value
	}
	return otherwise
}
