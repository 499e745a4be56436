package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"orderflow.example/dev/platform"
)

// childConfig is the variable that makes this test binary a platform, as a process of its own that can be killed.
const childConfig = "ORDERFLOW_E2E_PLATFORM"

func TestMain(m *testing.M) {
	if text := os.Getenv(childConfig); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild runs a platform until SIGTERM, or until somebody kills it.
func runChild(text string) error {
	var cfg platform.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p, err := platform.Start(ctx, cfg)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-p.Failed():
	}
	return p.Stop()
}

// child is a platform in a process of its own.
type child struct {
	t         *testing.T
	command   *exec.Cmd
	output    *os.File
	addresses platform.Addresses
	ended     chan error
}

// startChild starts one and waits until it is ready.
func startChild(t *testing.T, cfg platform.Config) *child {
	t.Helper()
	text, err := json.Marshal(struct { // the rest of a Config is not for another process
		DataDir   string
		Ports     platform.Ports
		Variables map[string]string
	}{cfg.DataDir, cfg.Ports, cfg.Variables})
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, ended: make(chan error, 1)}
	if c.output, err = os.CreateTemp(t.TempDir(), "platform-*.out"); err != nil {
		t.Fatal(err)
	}
	c.command = exec.Command(os.Args[0])
	c.command.Env = append(os.Environ(), childConfig+"="+string(text))
	c.command.Stdout, c.command.Stderr = c.output, c.output
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- c.command.Wait() }()
	t.Cleanup(func() { c.kill() })
	poll(t, patience, "the platform is ready", func() bool {
		select {
		case err := <-c.ended:
			c.ended <- err
			t.Fatalf("the platform ended: %v\n%s", err, c.said())
		default:
		}
		found, err := platform.Find(cfg.DataDir)
		if err != nil || found == nil || found.PID != c.command.Process.Pid {
			return false // starting
		}
		c.addresses = *found
		return true
	})
	return c
}

// kill ends the process as a power cut would end it, if it still runs.
func (c *child) kill() {
	c.t.Helper()
	if err := c.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("kill: %v", err)
	}
	err := <-c.ended
	c.ended <- err
}

// stop ends the process with a drain.
func (c *child) stop() {
	c.t.Helper()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatalf("stop: %v", err)
	}
	err := <-c.ended
	c.ended <- err
	if err != nil {
		c.t.Errorf("the platform ended with %v\n%s", err, c.said())
	}
}

func (c *child) said() string {
	text, err := os.ReadFile(filepath.Clean(c.output.Name()))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
