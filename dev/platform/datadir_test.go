package platform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder with something else in it is never taken, and so never emptied: neither by a start nor by a reset after one
// that failed.
func TestAForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(foreign, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if p, err := Start(t.Context(), Config{DataDir: dir}); err == nil || !strings.Contains(err.Error(), dir+" is not empty and holds no Orderflow data") {
			t.Fatalf("started: %v, %v", p, err)
		}
		if err := Reset(dir); err == nil || !strings.Contains(err.Error(), dir+" is not empty") {
			t.Errorf("reset: %v", err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestReset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := Reset(dir); err != nil { // there is nothing yet
		t.Error(err)
	}
	l, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "broker", "topic"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir); err == nil || !strings.Contains(err.Error(), ErrRunning.Error()) {
		t.Errorf("reset of a running platform's data: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "broker")); !os.IsNotExist(err) {
		t.Errorf("not empty: %v", err)
	}
	if l, err = lock(dir); err != nil { // it may begin again
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
