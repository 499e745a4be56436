// Package target runs the platform in a process of its own, so that its CPU can be told from the load generator's.
package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"orderflow.example/dev/platform"
)

// Target is a running platform.
type Target struct {
	platform.Addresses
	Ready time.Duration // from the start of the process until orders could be placed

	dir     string
	process *exec.Cmd
}

// portOffset keeps a measurement apart from a platform that somebody runs on the usual ports.
const portOffset = 20_000

// Start builds the dev command and runs `up` on an empty folder.
func Start(ctx context.Context, log io.Writer) (_ *Target, err error) {
	dir, err := os.MkdirTemp("", "orderflow-bench-")
	if err != nil {
		return nil, err
	}
	t := &Target{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	binary := filepath.Join(dir, "dev")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "orderflow.example/dev")
	build.Stdout, build.Stderr = log, log
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the platform: %w", err)
	}
	// Not bound to ctx: an interrupt must let the platform drain.
	t.process = exec.CommandContext(context.WithoutCancel(ctx), binary, "up", "--data", t.Data(), "--port-offset", strconv.Itoa(portOffset))
	t.process.Stderr = log
	said, err := t.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches this process alone, which stops the platform itself
	started := time.Now()
	if err := t.process.Start(); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	if err := t.wait(ctx, said); err != nil {
		return nil, errors.Join(err, t.end())
	}
	t.Ready = time.Since(started)
	return t, nil
}

// wait reads what the platform says until it says that it is ready, and goes on reading, so that it is never blocked.
func (t *Target) wait(ctx context.Context, said io.Reader) error {
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready after") {
				ready <- true
			}
		}
		ready <- false // it ended
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("the platform was not ready within a minute")
	case ok := <-ready:
		if !ok {
			return errors.New("the platform ended before it was ready")
		}
	}
	found, err := platform.Find(t.Data())
	if err != nil {
		return err
	}
	t.Addresses = *found
	return nil
}

// Data is the platform's data folder.
func (t *Target) Data() string { return filepath.Join(t.dir, "data") }

// CPU is the time that the platform's process has used so far, of all cores.
func (t *Target) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
}

// Stop drains the platform and deletes its data.
func (t *Target) Stop() error { return errors.Join(t.end(), os.RemoveAll(t.dir)) }

func (t *Target) end() error {
	if err := t.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return t.process.Wait()
}
