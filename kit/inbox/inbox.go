// Package inbox applies a consumer's messages exactly once in effect. Each key's messages are numbered: what was
// applied is skipped, what comes too early or is refused is parked, and later messages of its key wait behind it while
// the rest flows on.
package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// Message is a record with its CloudEvents envelope read and its value decoded.
type Message struct {
	kafka.Record
	ID, Type, Source, Subject string
	Time                      time.Time
	Sequence                  int64 // within (topic, key), from 1; 0: the source does not number
	CausationID               string
	CorrelationID             string
	TraceParent               string
	Data                      any // pointer to the decoded struct
}

// Handler applies all messages of a batch in order, in one transaction. To refuse one it returns Refuse, or several
// joined by errors.Join; a transient error makes the whole batch wait; any other error is charged to the message
// that, tried alone, still gives it. An end of input or a network error is transient only if the transaction has lost
// its connection. The handler may run several times for a batch.
type Handler func(ctx context.Context, tx *sqldb.Tx, batch []Message) error

type refusal struct {
	index int
	cause error
}

func (r refusal) Error() string { return fmt.Sprintf("message %d is refused: %v", r.index, r.cause) }
func (r refusal) Unwrap() error { return r.cause }

// Refuse is a handler's answer that the message with this index in the batch can't be applied: everything else is
// applied, and this one is parked.
func Refuse(index int, err error) error { return refusal{index, err} }

// Config says what a Processor consumes and who handles it.
type Config struct {
	DB        *sqldb.DB
	Group     string   // consumer group; its dead letters go to "<group>.dlq"
	Topics    []string // consumed
	Compacted []string // those of Topics where gaps are normal, as in a compacted topic: anything newer than the last is applied
	Handles   []string // types (ce_type) that Handle knows
	Ignores   []string // types that are passed over; any other type is parked
	Decode    func(ctx context.Context, topic string, value []byte) (any, error)
	Handle    Handler
	Outbox    *outbox.Writer // takes the dead letters

	MaxAttempts int                             // of a message, the first included, before it is dead; 0: 10
	ParkBackoff func(attempt int) time.Duration // before the next attempt; nil: 1 s, doubling to 5 min, with jitter

	Log     *slog.Logger          // nil: slog.Default()
	Metrics prometheus.Registerer // nil: none
}

// Processor is a consumer's inbox.
type Processor struct {
	cfg       Config
	handles   map[string]bool
	ignores   map[string]bool
	compacted map[string]bool
	metrics   metrics

	mu         sync.Mutex
	passed     map[partition]time.Time // not stored yet
	late       int                     // keys that began late and were not logged yet
	lateLogged time.Time
}

// New makes a processor.
func New(cfg Config) *Processor {
	if cfg.MaxAttempts == 0 {
		cfg.MaxAttempts = 10
	}
	if cfg.ParkBackoff == nil {
		cfg.ParkBackoff = parkBackoff
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Processor{
		cfg:       cfg,
		handles:   set(cfg.Handles),
		ignores:   set(cfg.Ignores),
		compacted: set(cfg.Compacted),
		metrics:   newMetrics(cfg.Metrics, cfg.Group),
		passed:    map[partition]time.Time{},
	}
}

// Topics are the topics that it consumes.
func (p *Processor) Topics() []string { return p.cfg.Topics }

// parkBackoff doubles from 1 s to 5 min and takes between half and all of it.
func parkBackoff(attempt int) time.Duration {
	const first, longest = time.Second, 5 * time.Minute
	full := longest
	if attempt < 10 {
		full = min(longest, first<<(attempt-1))
	}
	return full/2 + rand.N(full/2)
}

func set(names []string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, name := range names {
		all[name] = true
	}
	return all
}
