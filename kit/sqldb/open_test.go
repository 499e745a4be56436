package sqldb_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenRefusesWithOneClearLine(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ url, want string }{
		"unknown kind":   {"mysql://user:secret@host/db", "want sqlite:/path/file.db"},
		"empty":          {"", "want sqlite:/path/file.db"},
		"no path":        {"sqlite:", "the path is missing"},
		"missing folder": {"sqlite:" + folder + "/missing/x.db", "the folder " + folder + "/missing does not exist"},
		"not a folder":   {"sqlite:" + file + "/x.db", "not a folder"},
		"a folder":       {"sqlite:" + folder, folder + " is a folder"},
		"not a database": {"sqlite:" + garbage, garbage},
		"nobody there":   {"postgres://user:secret@127.0.0.1:1/db", "127.0.0.1:1"},
		"bad parameter":  {"postgres://user:secret@127.0.0.1/db?sslmode=perhaps", "sslmode"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db, err := sqldb.Open(t.Context(), sqldb.Config{URL: test.url})
			if err == nil {
				_ = db.Close()
				t.Fatal("opened")
			}
			if text := err.Error(); !strings.Contains(text, test.want) || strings.Contains(text, "secret") {
				t.Errorf("error %q, want %q in it and no password", text, test.want)
			}
		})
	}
}

func TestUnwritableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("SKIPPED: root may write anywhere")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + folder + "/x.db"}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("error %v", err)
	}
}

func TestPathsOfAllKinds(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	for url, want := range map[string]string{
		"sqlite:relative.db":                   "relative.db",
		"sqlite://" + folder + "/slashes.db":   "slashes.db",
		"sqlite:" + folder + "/what? 100%#.db": "what? 100%#.db",
	} {
		db := sqldbtest.Open(t, sqldb.Config{URL: url})
		if db.File() != filepath.Join(folder, want) {
			t.Errorf("%s is at %s", url, db.File())
		}
		sqldbtest.Tx(t, db, see("a"))
		if info, err := os.Stat(filepath.Join(folder, want)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestMigrate(t *testing.T) {
	files := fstest.MapFS{
		"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (id {{identity}}, name TEXT NOT NULL);\nINSERT INTO a (name) VALUES ('seed');\n")},
	}
	check := func(t *testing.T, db *sqldb.DB) {
		t.Helper()
		if err := sqldb.Migrate(t.Context(), db, "a", files); err != nil {
			t.Fatal(err)
		}
		if err := sqldb.Migrate(t.Context(), db, "a", files); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			var id int64
			if err := tx.QueryRowContext(ctx, "INSERT INTO a (name) VALUES ($1) RETURNING id", "new").Scan(&id); err != nil {
				return err
			}
			if id != 2 {
				t.Errorf("id %d, want 2", id)
			}
			return see("kit")(ctx, tx)
		})
		var rows int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM a").Scan(&rows); err != nil || rows != 2 {
			t.Errorf("%d rows, %v", rows, err)
		}
		bad := fstest.MapFS{"00001_bad.sql": {Data: []byte("-- +goose Up\nCREATE NONSENSE;\n")}}
		if err := sqldb.Migrate(t.Context(), db, "bad", bad); err == nil || !strings.Contains(err.Error(), "migrations of bad") {
			t.Errorf("error %v", err)
		}
	}
	sqldbtest.Each(t, check)
	t.Run("memory", func(t *testing.T) {
		for range 3 { // the first one is made, the others are copies of it
			check(t, sqldbtest.Open(t, sqldb.Config{URL: "sqlite::memory:"}))
		}
	})
}

func TestMemoryIsSharedByItsReadersAlone(t *testing.T) {
	a := sqldbtest.Open(t, sqldb.Config{URL: "sqlite::memory:"})
	b := sqldbtest.Open(t, sqldb.Config{URL: "sqlite::memory:"})
	sqldbtest.Tx(t, a, see("a"))
	if got := seen(t, a); len(got) != 1 {
		t.Errorf("rows %v", got)
	}
	if got := seen(t, b); len(got) != 0 {
		t.Errorf("another database has %v", got)
	}
}

// A reader that keeps a query open holds a commit up in memory for a moment only, and never in a file.
func TestReadersAndTheWriterTogether(t *testing.T) {
	for name, url := range map[string]string{"memory": "sqlite::memory:", "file": sqldbtest.SQLiteURL(t)} {
		t.Run(name, func(t *testing.T) {
			db := sqldbtest.Open(t, sqldb.Config{URL: url})
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range 200 {
					sqldbtest.Tx(t, db, see(time.Now().String()+string(rune('a'+i%26))))
				}
			}()
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
					seen(t, db)
				}
			}
			if got := len(seen(t, db)); got != 200 {
				t.Errorf("%d rows", got)
			}
		})
	}
}
