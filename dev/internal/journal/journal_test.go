package journal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"orderflow.example/dev/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) (*journal.Journal, []string) {
	t.Helper()
	var records []string
	j, err := journal.Open(path, func(record []byte) error {
		records = append(records, string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return j, records
}

func appendAll(t *testing.T, j *journal.Journal, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := j.Append([]byte(r)).Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordsComeBackInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dir", "log")
	j, records := open(t, path)
	if len(records) != 0 {
		t.Fatalf("a new journal replayed %q", records)
	}
	appendAll(t, j, "one", "", `{"three":"셋"}`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, records = open(t, path)
	if want := []string{"one", "", `{"three":"셋"}`}; !slices.Equal(records, want) {
		t.Fatalf("replayed %q, want %q", records, want)
	}
	appendAll(t, j, "four")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, records = open(t, path)
	if len(records) != 4 || records[3] != "four" {
		t.Fatalf("replayed %q", records)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCommittedMeansReadableFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j, _ := open(t, path)
	closeAtEnd(t, j)
	appendAll(t, j, "kept")
	other, records := open(t, path) // as after kill -9: nothing was closed
	closeAtEnd(t, other)
	if !slices.Equal(records, []string{"kept"}) {
		t.Fatalf("replayed %q", records)
	}
}

func TestConcurrentAppendsAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j, _ := open(t, path)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 100 {
				if err := j.Append(fmt.Appendf(nil, "%d-%03d", w, i)).Wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, records := open(t, path)
	closeAtEnd(t, j)
	slices.Sort(records)
	if len(slices.Compact(records)) != 1600 {
		t.Fatalf("%d of 1600 records are there", len(records))
	}
}

func TestTornTailIsCutOff(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut inside the last record": func(b []byte) []byte { return b[:len(b)-3] },
		"no line feed":               func(b []byte) []byte { return b[:len(b)-1] },
		"only a part of the sum":     func(b []byte) []byte { return append(b[:len(b)-len("00000000 three\n")], "0000"...) },
		"garbage after the end":      func(b []byte) []byte { return append(b[:len(b)-len("00000000 three\n")], "\x00\x00\x00\nxx"...) },
		"last sum wrong":             func(b []byte) []byte { b[len(b)-2] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := written(t, "one", "two", "three")
			rewrite(t, path, damage)
			j, records := open(t, path)
			if want := []string{"one", "two"}; !slices.Equal(records, want) {
				t.Fatalf("replayed %q, want %q", records, want)
			}
			appendAll(t, j, "after")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j, records = open(t, path)
			closeAtEnd(t, j)
			if want := []string{"one", "two", "after"}; !slices.Equal(records, want) {
				t.Fatalf("replayed %q, want %q", records, want)
			}
		})
	}
}

func TestDamageInTheMiddleIsRefused(t *testing.T) {
	path := written(t, "one", "two", "three")
	rewrite(t, path, func(b []byte) []byte { b[len("00000000 one\n00000000 t")] ^= 1; return b })
	_, err := journal.Open(path, func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), path+": damaged at byte 13") {
		t.Fatalf("error %v does not name the file and the byte", err)
	}
}

func TestReplayErrorNamesTheRecord(t *testing.T) {
	path := written(t, "one", "two")
	refusal := errors.New("not for me")
	_, err := journal.Open(path, func(record []byte) error {
		if string(record) == "two" {
			return refusal
		}
		return nil
	})
	if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "record at byte 13") {
		t.Fatalf("error %v", err)
	}
}

func TestAppendAfterCloseIsRefused(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "log"))
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte("late")).Wait(); !errors.Is(err, journal.ErrClosed) {
		t.Fatalf("error %v, want ErrClosed", err)
	}
}

func TestFullDiskRefusesThisAndAllLaterRecords(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("SKIPPED: this system has no /dev/full to stand for a full disk")
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	j, err := journal.OpenUnrecovered(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := j.Append([]byte("x")).Wait(); err == nil {
			t.Fatal("a record was confirmed on a full disk")
		}
	}
	if err := j.Close(); err == nil {
		t.Fatal("Close hid the write error")
	}
}

func TestUnwritableDirectoryIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	rewrite(t, file, func([]byte) []byte { return []byte("not a directory") })
	_, err := journal.Open(filepath.Join(file, "log"), func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Fatalf("error %v does not name %s", err, file)
	}
}

func written(t *testing.T, records ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	j, _ := open(t, path)
	appendAll(t, j, records...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// closeAtEnd closes what a test holds.
func closeAtEnd(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
