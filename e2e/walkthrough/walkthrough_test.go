package walkthrough

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderflow.example/dev/platform"
)

const (
	stepLimit  = 2 * time.Minute
	startLimit = 5 * time.Minute // go run builds first
	stopLimit  = 2 * time.Minute
	dataFolder = ".cache/walkthrough" // as the page says
)

// Every command on the page works, and prints what the page says.
func TestWalkthrough(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: the page needs %s, which is not installed", tool)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "walkthrough.md"))
	if err != nil {
		t.Fatal(err)
	}
	offset := freeOffset(t)
	steps, err := parse(elsewhere(string(page), filepath.Join(t.TempDir(), "data"), offset))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) < 10 {
		t.Fatalf("%d blocks of commands", len(steps))
	}
	session := begin(t, root)
	for _, s := range steps {
		if s.background {
			runBackground(t, root, s)
			continue
		}
		printed, status := session.run(s)
		if status != 0 || !matches(s.output, printed) {
			t.Fatalf("%s: exit status %d\n%s\n--- printed:\n%s\n--- the page says:\n%s", s, status, s.commands, printed, s.output)
		}
	}
}

var (
	port = regexp.MustCompile(`(localhost|127\.0\.0\.1):(\d+)`)
	up   = regexp.MustCompile(`(go run \./dev up [^\n]*)`)
)

// elsewhere moves the page to another folder and other ports.
func elsewhere(page, data string, offset int) string {
	page = strings.ReplaceAll(page, dataFolder, data)
	page = up.ReplaceAllString(page, "$1 --port-offset "+strconv.Itoa(offset))
	page = port.ReplaceAllStringFunc(page, func(address string) string {
		parts := port.FindStringSubmatch(address)
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			return address
		}
		return parts[1] + ":" + strconv.Itoa(n+offset)
	})
	// The table of addresses is as wide as its addresses.
	return regexp.MustCompile(`(?m)^(order|inventory|payment|notifier) +(http://\S+) +(\S+) +(http://\S+)$`).
		ReplaceAllStringFunc(page, func(row string) string {
			f := strings.Fields(row)
			return fmt.Sprintf("%-12s %-23s %-16s %s", f[0], f[1], f[2], f[3])
		})
}

// freeOffset finds ports that nobody uses, below those that the system gives to clients.
func freeOffset(t *testing.T) int {
	t.Helper()
	for offset := 10_000 + os.Getpid()%100*100; offset < 22_000; offset += 100 {
		if free(t, offset) {
			return offset
		}
	}
	t.Fatal("no free ports")
	return 0
}

func free(t *testing.T, offset int) bool {
	p := platform.DefaultPorts(offset)
	ports := []int{p.Kafka, p.Registry, p.Issuer, p.Provider, p.SMTP, p.Mails, p.Webhooks}
	for i := range platform.Services {
		ports = append(ports, p.REST[i], p.GRPC[i], p.Admin[i])
	}
	for _, n := range ports {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n)))
		if err != nil {
			return false
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return true
}

// output collects what a command that goes on has printed.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runBackground starts a command, waits until it has printed what the page says, and stops it with Ctrl-C at the end.
func runBackground(t *testing.T, root string, s step) {
	t.Helper()
	printed := &output{}
	cmd := exec.Command("bash", "-c", s.commands)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, printed, printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches all of the group
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Logf("%s: %v", s, err)
			return
		}
		select {
		case <-ended: // what go run says of an interrupt is its own affair
		case <-time.After(stopLimit):
			t.Errorf("%s: it did not stop:\n%s", s, printed)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the last resort
		}
	})
	want := pattern(s.output, false)
	deadline := time.After(startLimit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !want.MatchString(normal(printed.String()) + "\n") {
		select {
		case err := <-ended:
			t.Fatalf("%s: it ended: %v\n%s", s, err, printed)
		case <-deadline:
			t.Fatalf("%s: it prints:\n%s\n--- the page says:\n%s", s, printed, s.output)
		case <-tick.C:
		}
	}
}

// session is one bash, as a reader's second terminal is.
type session struct {
	*testing.T
	in    io.Writer
	lines chan string
	mark  string
}

func begin(t *testing.T, root string) *session {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	cmd.Dir = root
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &session{T: t, in: in, lines: make(chan string), mark: "END-OF-STEP"}
	go func() {
		defer close(s.lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			select {
			case s.lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // bash ends when it has no more to read
		cancel()
		_ = cmd.Wait() // killed
	})
	return s
}

// run gives bash a block and returns what it printed, and the exit status of its last command.
func (s *session) run(block step) (string, int) {
	s.Helper()
	if _, err := fmt.Fprintf(s.in, "%s\n{ status=$?; printf '\\n%s %%d\\n' $status; } 2>&1\n", block.commands, s.mark); err != nil {
		s.Fatal(err)
	}
	var printed []string
	deadline := time.After(stepLimit)
	for {
		select {
		case line, open := <-s.lines:
			if !open {
				s.Fatalf("%s: bash has ended after\n%s", block, strings.Join(printed, "\n"))
			}
			if rest, ok := strings.CutPrefix(line, s.mark+" "); ok {
				status, err := strconv.Atoi(rest)
				if err != nil {
					s.Fatal(err)
				}
				return strings.Join(printed, "\n"), status
			}
			printed = append(printed, line)
		case <-deadline:
			s.Fatalf("%s: not done within %s\n%s\n--- printed:\n%s", block, stepLimit, block.commands, strings.Join(printed, "\n"))
		}
	}
}
