package schemas

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"orderflow.example/schemas/internal/compatibility"
)

// released are the versions in released/, oldest first.
func released(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("released")
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, e := range entries {
		if !semver.IsValid(e.Name()) {
			t.Fatalf("released/%s is not a version", e.Name())
		}
		versions = append(versions, e.Name())
	}
	semver.Sort(versions)
	if len(versions) == 0 {
		t.Fatal("released/ is empty")
	}
	return versions
}

// texts reads the .avsc files below a folder, by "<service>/<Event>".
func texts(t *testing.T, files fs.FS, root string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := fs.WalkDir(files, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		found[path.Base(path.Dir(name))+"/"+strings.TrimSuffix(path.Base(name), ".avsc")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func current(t *testing.T) map[string]string { return texts(t, Files, "avsc") }

func ofRelease(t *testing.T, version string) map[string]string {
	return texts(t, os.DirFS("released"), version)
}

// FULL_TRANSITIVE, without a registry: every schema with every released version of it.
func TestSchemasAreCompatibleWithEveryRelease(t *testing.T) {
	now := current(t)
	for _, version := range released(t) {
		for event, older := range ofRelease(t, version) {
			newer, ok := now[event]
			if !ok {
				t.Errorf("%s of %s is gone, and the event log holds it for ever", event, version)
				continue
			}
			if err := compatibility.Check(newer, older); err != nil {
				t.Errorf("%s since %s: %v", event, version, err)
			}
		}
	}
}

// Releases are compatible with each other, too: one may be rolled back to another.
func TestReleasesAreCompatibleWithEachOther(t *testing.T) {
	versions := released(t)
	for i, older := range versions {
		for _, newer := range versions[i+1:] {
			now := ofRelease(t, newer)
			for event, text := range ofRelease(t, older) {
				if err := compatibility.Check(now[event], text); err != nil {
					t.Errorf("%s of %s since %s: %v", event, newer, older, err)
				}
			}
		}
	}
}

func TestReleasesHoldEveryService(t *testing.T) {
	for _, version := range released(t) {
		services := make(map[string]bool)
		for event := range ofRelease(t, version) {
			services[path.Dir(event)] = true
		}
		for _, topic := range Topics {
			if !services[topic.Service] {
				t.Errorf("%s has no schema of %s", version, topic.Service)
			}
		}
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
