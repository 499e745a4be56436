package platform

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderflow.example/dev/platform"
)

// What can't work is told at once in one clear line, and nothing is left running.
func TestBadStart(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	number := taken.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		change func(*platform.Config)
		names  []string
	}{
		"the broker's port is in use":      {func(c *platform.Config) { c.Ports.Kafka = number }, []string{port, "broker", "in use"}},
		"a REST port is in use":            {func(c *platform.Config) { c.Ports.REST[2] = number }, []string{port, "payment", "in use"}},
		"an admin port is in use":          {func(c *platform.Config) { c.Ports.Admin[3] = number }, []string{port, "notifier", "in use"}},
		"the data directory is a file":     {func(c *platform.Config) { c.DataDir = file }, []string{file}},
		"the data directory is in a file":  {func(c *platform.Config) { c.DataDir = filepath.Join(file, "data") }, []string{file}},
		"a log level that there is not":    {func(c *platform.Config) { c.LogLevel = "loud" }, []string{"LOG_LEVEL", "loud", "debug, info, warn"}},
		"a duration that is none":          {variable("RESERVATION_EXPIRY", "soon"), []string{"inventory", "RESERVATION_EXPIRY", "soon"}},
		"a time limit that is too long":    {variable("SAGA_LIMIT_AUTHORIZE_PAYMENT", "1h"), []string{"order", "SAGA_LIMIT", "10m"}},
		"a provider's URL that is none":    {variable("PAYMENT_PROVIDER_URL", "nowhere"), []string{"PAYMENT_PROVIDER_URL", "nowhere"}},
		"a channel that there is not":      {variable("ENABLED_CHANNELS", "pigeon"), []string{"ENABLED_CHANNELS", "pigeon", "email or webhook"}},
		"a database that can't be opened":  {variable("DATABASE_URL", "sqlite:"+filepath.Join(file, "x.db")), []string{file}},
		"a database of an unknown kind":    {variable("DATABASE_URL", "mysql://x"), []string{"DATABASE_URL", "sqlite:"}},
		"authentication of an unknown way": {variable("AUTH_MODE", "maybe"), []string{"AUTH_MODE", "maybe", "oidc and none"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			cfg := platform.Config{DataDir: t.TempDir()}
			c.change(&cfg)
			p, err := platform.Start(t.Context(), cfg)
			if err == nil {
				t.Fatalf("it started, and stopped: %v", p.Stop())
			}
			if strings.Contains(strings.TrimSpace(err.Error()), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			for _, want := range c.names {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

// The permissions of a folder stop everybody but root.
func TestUnwritableDataDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("SKIPPED: root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	p, err := platform.Start(t.Context(), platform.Config{DataDir: dir})
	if err == nil {
		t.Fatalf("it started, and stopped: %v", p.Stop())
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "not writable") {
		t.Errorf("want one line that names %s, got %v", dir, err)
	}
}

func variable(name, value string) func(*platform.Config) {
	return func(c *platform.Config) { c.Variables = map[string]string{name: value} }
}

func TestOnePlatformPerDataDirectory(t *testing.T) {
	cfg := platform.Config{DataDir: t.TempDir()}
	start(t, cfg)
	p, err := platform.Start(t.Context(), cfg)
	if err == nil {
		t.Fatalf("a second one started, and stopped: %v", p.Stop())
	}
	if !errors.Is(err, platform.ErrRunning) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	// The first one is not disturbed: its addresses are still found.
	if running, err := platform.Find(cfg.DataDir); err != nil || running == nil || running.PID != os.Getpid() {
		t.Errorf("%+v, %v", running, err)
	}
}
