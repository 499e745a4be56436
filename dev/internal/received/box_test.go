package received_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/dev/internal/received"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type note struct{ N int }

func open(t *testing.T, path string, limit int) *received.Box[note] {
	t.Helper()
	b, err := received.Open[note](path, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func add(t *testing.T, b *received.Box[note], from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := b.Add(note{n}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheNewestAreKeptAndComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	b := open(t, path, 3)
	add(t, b, 1, 10)
	want := []note{{8}, {9}, {10}}
	if got := b.All(); !reflect.DeepEqual(got, want) || b.Count() != 10 {
		t.Fatalf("kept %v of %d", got, b.Count())
	}
	again := open(t, path, 3) // as after kill -9
	if got := again.All(); !reflect.DeepEqual(got, want) || again.Count() != 10 {
		t.Fatalf("read back %v of %d", got, again.Count())
	}
	if got := open(t, path, 0).All(); len(got) != 10 || got[0] != (note{1}) {
		t.Fatalf("read back %v with the default limit", got)
	}
}

func TestWait(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "notes"), 100)
	add(t, b, 1, 5)
	is := func(n int) func(note) bool { return func(m note) bool { return m.N == n } }
	if got, err := b.Wait(t.Context(), is(4)); err != nil || got.N != 4 {
		t.Fatalf("what was there: %v %v", got, err)
	}
	var wg sync.WaitGroup
	for n := 6; n <= 30; n++ {
		wg.Go(func() {
			if got, err := b.Wait(t.Context(), is(n)); err != nil || got.N != n {
				t.Errorf("what was to come: %v %v", got, err)
			}
		})
	}
	add(t, b, 6, 30)
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.Wait(ctx, is(31)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("what never comes: %v", err)
	}
}

func TestList(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "notes"), 100)
	for _, c := range []struct {
		add, status int
		query, want string
	}{
		{0, 200, "", `{"count":0,"messages":[]}`},
		{3, 200, "?limit=2", `{"count":3,"messages":[{"N":3},{"N":2}]}`},
		{0, 200, "?limit=9", `{"count":3,"messages":[{"N":3},{"N":2},{"N":1}]}`},
		{0, 400, "?limit=0", ""},
		{0, 400, "?limit=x", ""},
	} {
		add(t, b, 1, c.add)
		w := httptest.NewRecorder()
		b.List(w, httptest.NewRequest(http.MethodGet, "/messages"+c.query, nil))
		if w.Code != c.status {
			t.Fatalf("%q answered %d", c.query, w.Code)
		}
		if c.want == "" {
			continue
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal([]byte(c.want), &want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q answered %s", c.query, w.Body)
		}
	}
}

func TestAForeignFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	b, err := received.Open[string](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Add("not a note"), b.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := received.Open[note](path, 0); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v does not name %s", err, path)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}
