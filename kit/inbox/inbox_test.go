package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a Processor with a handler that notes each message's text in the table effects.
type bench struct {
	*Processor
	t     *testing.T
	db    *sqldb.DB
	clock time.Time        // of the database, moved by the test
	fails map[string]error // text to what the handler does with it: *refusal marker, or any error for the whole batch
	runs  [][]string       // batches that the handler was given
	next  int64            // offset
}

var errRefuse = errors.New("refuse")

func newBench(t *testing.T, url string, adapt func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), fails: map[string]error{}}
	b.db = sqldbtest.Open(t, sqldb.Config{URL: url, Now: func() time.Time { return b.clock }})
	if _, err := b.db.ExecContext(t.Context(), "CREATE TABLE effects (place BIGINT NOT NULL, text TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		DB: b.db, Group: "g", Topics: []string{"a", "b", "c"}, Compacted: []string{"c"}, Handles: []string{"Known"}, Ignores: []string{"Boring"},
		Decode: decode, Handle: b.handle, MaxAttempts: 3,
		Outbox:      outbox.NewWriter("test", nil),
		ParkBackoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute },
		Log:         slog.New(slog.DiscardHandler),
	}
	if adapt != nil {
		adapt(&cfg)
	}
	b.Processor = New(cfg)
	return b
}

// onEach runs a test on both databases.
func onEach(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newBench(t, sqldbtest.SQLiteURL(t), nil)) })
	t.Run("postgres", func(t *testing.T) { test(t, newBench(t, sqldbtest.PostgresURL(t), nil)) })
}

func decode(_ context.Context, _ string, value []byte) (any, error) {
	switch string(value) {
	case "undecodable":
		return nil, fmt.Errorf("truncated: %w", io.ErrUnexpectedEOF)
	case "registry away":
		return nil, context.DeadlineExceeded
	}
	text := string(value)
	return &text, nil
}

var places atomic.Int64

func (b *bench) handle(ctx context.Context, tx *sqldb.Tx, batch []Message) error {
	var run []string
	var refused []error
	for i, m := range batch {
		text := *m.Data.(*string)
		run = append(run, text)
		switch err := b.fails[text]; {
		case errors.Is(err, errRefuse):
			refused = append(refused, Refuse(i, err))
			continue
		case text == "panics":
			panic("out of range")
		case err != nil:
			b.runs = append(b.runs, run)
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO effects (place, text) VALUES ($1, $2)", places.Add(1), text); err != nil {
			return err
		}
	}
	b.runs = append(b.runs, run)
	return errors.Join(refused...)
}

// on makes a record of a topic. The place is "KEY SEQUENCE"; without a sequence the message is unnumbered. Its text is
// the place unless given.
func (b *bench) on(topic, place string, text ...string) kafka.Record {
	b.next++
	key, sequence, numbered := strings.Cut(place, " ")
	value := place
	if len(text) > 0 {
		value = text[0]
	}
	headers := map[string]string{"ce_specversion": "1.0", "ce_id": fmt.Sprintf("%s %s %s", topic, place, value), "ce_type": "Known", "ce_source": "s",
		"ce_time": "2026-01-02T03:04:05Z", "ce_correlationid": key}
	if numbered {
		headers["ce_sequence"] = sequence
	}
	return kafka.Record{Topic: topic, Partition: 1, Offset: b.next, Key: key, Value: []byte(value), Headers: headers, Timestamp: b.clock}
}

// list makes records of topic a.
func (b *bench) list(places ...string) []kafka.Record {
	var records []kafka.Record
	for _, place := range places {
		records = append(records, b.on("a", place))
	}
	return records
}

func (b *bench) process(records ...kafka.Record) {
	b.t.Helper()
	if err := b.Process(b.t.Context(), records); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) retry(wantHandled int) {
	b.t.Helper()
	handled, err := b.RetryParked(b.t.Context())
	if err != nil || handled != wantHandled {
		b.t.Errorf("%d parked messages handled, %v; want %d", handled, err, wantHandled)
	}
}

func (b *bench) effects(want ...string) {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), "SELECT text FROM effects ORDER BY place")
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	if err := each(rows, func() error {
		var text string
		err := rows.Scan(&text)
		got = append(got, text)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("effects %q, want %q", got, want)
	}
}

// parked compares the parked messages with "KEY SEQUENCE STATUS REASON", with " due" at the end of those with an instant.
func (b *bench) parked(want ...string) []Parked {
	b.t.Helper()
	all, err := List(b.t.Context(), b.db, "g", 100)
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		line := fmt.Sprintf("%s %d %s %s", m.Key, m.Sequence, m.Status, m.Reason)
		if m.NextAttemptAt != nil {
			line += " due"
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("parked %q, want %q", got, want)
	}
	return all
}

func (b *bench) last(topic, key string) string {
	b.t.Helper()
	var last int64
	if err := b.db.QueryRowContext(b.t.Context(), "SELECT last_sequence FROM inbox WHERE consumer = 'g' AND topic = $1 AND key = $2", topic, key).Scan(&last); err != nil {
		return err.Error()
	}
	return strconv.FormatInt(last, 10)
}

func (b *bench) deadLetters() []outbox.Row {
	b.t.Helper()
	rows, err := outbox.Unsent(b.t.Context(), b.db, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}
