package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The committed structs must be what go generate makes of the committed schemas.
func TestGeneratedStructsAreUpToDate(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	out := t.TempDir()
	for _, p := range packages {
		if err := generate(out, p.folder, p.name, p.doc); err != nil {
			t.Fatal(err)
		}
		made, err := filepath.Glob(filepath.Join(out, p.name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := filepath.Glob(filepath.Join(p.name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(made) != 2 || len(committed) != len(made) {
			t.Errorf("%s: %d files are made, and %d committed", p.name, len(made), len(committed))
		}
		for _, file := range made {
			name := filepath.Join(p.name, filepath.Base(file))
			if !bytes.Equal(read(t, file), read(t, name)) {
				t.Errorf("%s is out of date: run go generate in schemas", name)
			}
		}
	}
}

// A folder of schemas that no package is made of would have no events in Go.
func TestEveryFolderHasItsPackage(t *testing.T) {
	folders, err := os.ReadDir(filepath.Join("..", "..", "avsc"))
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) != len(packages) {
		t.Errorf("%d folders, %d packages", len(folders), len(packages))
	}
}

func TestBrokenSchemaIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join("avsc", "order"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("avsc", "order", "Broken.avsc"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := generate(".", "order", "orderv1", ""); err == nil || !strings.Contains(err.Error(), "Broken.avsc") {
		t.Error(err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
