package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// ErrRunning is answered when another platform uses the data directory.
var ErrRunning = errors.New("a platform is running on this data directory")

const (
	lockFile    = "platform.lock"
	addressFile = "platform.json"
	// MarkFile tells a data directory of ours from any other folder.
	MarkFile = ".orderflow-data"
)

// lock makes the data directory and takes it for this process. It refuses a folder with something else in it, which a
// reset would delete.
func lock(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := ours(dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, MarkFile), nil, 0o600); err != nil {
		return nil, fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	l := flock.New(filepath.Join(dir, lockFile))
	taken, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if !taken {
		return nil, fmt.Errorf("%s: %w", dir, ErrRunning)
	}
	return l, nil
}

// ours refuses a folder that is not empty and was never a data directory.
func ours(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, MarkFile)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty and holds no Orderflow data: choose an empty folder or a new one", dir)
	}
	return nil
}

// Reset empties a data directory that no platform runs on. It refuses a folder that was never a data directory.
func Reset(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l, err := lock(dir)
	if err != nil {
		return err
	}
	return errors.Join(empty(dir), l.Close())
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == lockFile || e.Name() == MarkFile {
			continue // it is held, and stays ours
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("empty %s: %w", dir, err)
		}
	}
	return nil
}

// Addresses is where a running platform is reached.
type Addresses struct {
	PID       int                         `json:"pid"`
	Kafka     string                      `json:"kafka"`    // host:port
	Registry  string                      `json:"registry"` // the rest are URLs unless said
	Issuer    string                      `json:"issuer"`
	Provider  string                      `json:"provider"`
	SMTP      string                      `json:"smtp"` // host:port
	Mails     string                      `json:"mails"`
	Webhooks  string                      `json:"webhooks"`
	ByService map[string]ServiceAddresses `json:"services"`
}

// ServiceAddresses are host:port.
type ServiceAddresses struct {
	REST  string `json:"rest"`
	GRPC  string `json:"grpc"`
	Admin string `json:"admin"`
}

func (a Addresses) write(dir string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	whole := filepath.Join(dir, addressFile)
	if err := os.WriteFile(whole+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the addresses: %w", err)
	}
	return os.Rename(whole+".new", whole)
}

// Find tells where the platform that runs on a data directory is; nil when none runs.
func Find(dir string) (*Addresses, error) {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l := flock.New(filepath.Join(dir, lockFile))
	free, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if free {
		return nil, l.Close()
	}
	text, err := os.ReadFile(filepath.Join(dir, addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("a platform is starting on %s: try again when it is ready", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the addresses: %w", err)
	}
	var a Addresses
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", addressFile, err)
	}
	return &a, nil
}
