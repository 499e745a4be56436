package command

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow.example/dev/platform"
	"orderflow.example/kit/sqldb"
)

// A folder without a platform's data is refused in one line, and is left as it was.
func TestFolderWithoutData(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, dir string)
		args    []string
		want    string
	}{
		"token: no folder":        {func(t *testing.T, dir string) { must(t, os.Remove(dir)) }, []string{"token", "--user", "u"}, "holds no platform:"},
		"token: another's folder": {func(*testing.T, string) {}, []string{"token", "--user", "u"}, "holds no platform:"},
		"check: no folder":        {func(t *testing.T, dir string) { must(t, os.Remove(dir)) }, []string{"check"}, "holds no platform:"},
		"check: another's folder": {func(*testing.T, string) {}, []string{"check"}, "holds no platform:"},
		"check: no databases":     {mark, []string{"check"}, "holds no platform's data yet"},
		"check: empty files":      {empties, []string{"check"}, "holds no platform's data yet"},
		"check: no tables":        {tableless, []string{"check"}, "holds no platform's data yet"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a folder")
			must(t, os.Mkdir(dir, 0o700))
			c.prepare(t, dir)
			before := listing(t, filepath.Dir(dir))
			out, err := execute(t, append(c.args, "--data", dir)...)
			if err == nil || !strings.Contains(err.Error(), dir+" "+c.want) || strings.Contains(err.Error(), "\n") || out != "" {
				t.Errorf("want one line with %q, got %v and output %q", c.want, err, out)
			}
			if after := listing(t, filepath.Dir(dir)); !slices.Equal(before, after) {
				t.Errorf("there was %q, there is %q", before, after)
			}
		})
	}
}

func TestStoppedPlatform(t *testing.T) {
	dir := t.TempDir()
	p, err := platform.Start(t.Context(), platform.Config{DataDir: dir})
	must(t, err)
	if out, err := execute(t, "check", "--data", dir); err != nil || !strings.Contains(out, "no order is stuck") {
		t.Errorf("while it runs: %v\n%s", err, out)
	}
	must(t, p.Stop())
	if out, err := execute(t, "check", "--data", dir); err != nil || !strings.Contains(out, "no order is stuck") || strings.Contains(out, "under way") {
		t.Errorf("stopped: %v\n%s", err, out)
	}
	if out, err := execute(t, "token", "--data", dir, "--user", "u"); err != nil || strings.Count(out, ".") != 2 {
		t.Errorf("%v, %q", err, out)
	}
}

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := Root()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mark(t *testing.T, dir string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, platform.MarkFile), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "platform.lock"), nil, 0o600))
}

func empties(t *testing.T, dir string) {
	t.Helper()
	mark(t, dir)
	for _, name := range platform.Services {
		must(t, os.WriteFile(filepath.Join(dir, name+".db"), nil, 0o600))
	}
}

func tableless(t *testing.T, dir string) {
	t.Helper()
	mark(t, dir)
	for _, name := range platform.Services {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(dir, name+".db")})
		must(t, err)
		must(t, sqldb.MigrateKit(t.Context(), db)) // it failed before its own
		must(t, db.Close())
	}
}

// listing is every file below a folder with its content.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			all = append(all, path)
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, path+"\n"+string(text))
		return err
	}))
	return all
}
