// Package broker runs an embedded Kafka broker that keeps its records and group offsets on disk, fsynced, so that a killed
// process loses nothing that was acknowledged.
package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// setupTime bounds the creation of missing topics at start.
const setupTime = 30 * time.Second

// Config configures Start.
type Config struct {
	Addr    string // "host:port", loopback; port 0 is any free one; "127.0.0.1:0" when empty
	DataDir string // created if missing; belongs to one broker at a time
	Topics  []Topic
	Log     *slog.Logger
}

// Topic is created when it is missing. Topics that exist keep their partitions: asking for another count is an error,
// because a changed count would send the keys elsewhere.
type Topic struct {
	Name       string
	Partitions int
	Compacted  bool // marked cleanup.policy=compact
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
}

// brokerConfigs keep everything until the data directory is removed: a laptop that was off for two weeks finds its events and
// its consumers' places again. The cleaner is put off for good, as it rewrites segments in a way that a kill can lose.
var brokerConfigs = map[string]string{
	"log.retention.ms":          "-1",
	"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60),
	"log.cleaner.backoff.ms":    strconv.Itoa(10 * 365 * 24 * 3600 * 1000),
}

// Start loads what the directory holds, listens and creates missing topics. An address in use and a directory that can't be
// written are errors that name it.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("broker: DataDir is required")
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkWritable(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, network, cfg.Addr)
		}),
		kfake.DataDir(cfg.DataDir),
		kfake.SyncWrites(),
		kfake.ClusterID("orderflow-dev"),
		kfake.BrokerConfigs(brokerConfigs),
		kfake.WithLogger(logger{cfg.Log}),
	)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := forgetSequences(cfg.DataDir); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	b := &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0]}
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	if err := ensureTopics(ctx, b.addr, cfg.Topics); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	cfg.Log.Info("broker is ready", "addr", b.addr)
	return b, nil
}

// Addr is the bootstrap address, "host:port".
func (b *Broker) Addr() string { return b.addr }

// Close writes a snapshot for a faster next start and stops listening. Clients lose their connections.
func (b *Broker) Close() error {
	b.cluster.Close()
	return nil
}

// checkWritable finds out before the broker does, which would only log it and go on.
func checkWritable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(filepath.Clean(probe.Name())))
}

// forgetSequences removes the producers' sequence numbers that Close saved, now that they are loaded. After a kill they would be
// out of date, and the broker would refuse for good a producer that went on from there. With none it takes the producer's word;
// at worst a record whose acknowledgement was lost is there twice.
func forgetSequences(dir string) error {
	err := os.Remove(filepath.Join(dir, "seq_windows.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// logger passes the broker's own log on.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.log.Enabled(context.Background(), to) {
		l.log.Log(context.Background(), to, "broker: "+fmt.Sprintf(format, args...))
	}
}
