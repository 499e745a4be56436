package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

// broker takes what a relay sends, and behaves as its script says.
type broker struct {
	mu     sync.Mutex
	calls  [][]string // texts of each Send
	taken  []string
	script []func(records []kafka.Record) ([]bool, error) // for the first calls; then everything is taken
	gate   chan struct{}                                  // when set, each Send waits for a token
	grow   chan struct{}                                  // a token for each Send that ended
}

func newBroker(script ...func([]kafka.Record) ([]bool, error)) *broker {
	return &broker{script: script, grow: make(chan struct{}, 1000)}
}

func (b *broker) send(ctx context.Context, records []kafka.Record) ([]bool, error) {
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
			return make([]bool, len(records)), ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.grow <- struct{}{} }()
	var call []string
	for _, r := range records {
		call = append(call, string(r.Value))
	}
	b.calls = append(b.calls, call)
	acked, err := acks(len(records), len(records)), error(nil)
	if len(b.script) > 0 {
		acked, err = b.script[0](records)
		b.script = b.script[1:]
	}
	for i, ok := range acked {
		if ok {
			b.taken = append(b.taken, call[i])
		}
	}
	return acked, err
}

func acks(n, acked int) []bool {
	list := make([]bool, n)
	for i := range acked {
		list[i] = true
	}
	return list
}

func (b *broker) has() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken)
}

// waitFor waits until the broker has taken that many events.
func (b *broker) waitFor(t *testing.T, events int) []string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if taken := b.has(); len(taken) >= events {
			return taken
		}
		select {
		case <-b.grow:
		case <-deadline:
			t.Fatalf("not within 20 s: %d events, there are %v", events, b.has())
		}
	}
}

// start runs a relay and gives a function that stops it and waits for its end.
func start(t *testing.T, db *sqldb.DB, b *broker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- newRelay(db, b.send, slog.New(slog.DiscardHandler), nil).Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("relay: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func unsent(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	rows, err := Unsent(t.Context(), db, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return texts(rows)
}

func TestRelaySendsInOrderAndMarks(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		var want []string
		for n := range 2*batchRows + 7 { // a backlog of more than one batch
			want = append(want, fmt.Sprintf("k %d", n+1))
		}
		add(t, db, "a.events", want...)
		b := newBroker()
		stop := start(t, db, b)
		b.waitFor(t, len(want))
		for n := range 20 {
			event := fmt.Sprintf("later %d", n+1)
			add(t, db, "a.events", event)
			want = append(want, event)
		}
		if got := b.waitFor(t, len(want)); !slices.Equal(got, want) {
			t.Errorf("sent %v", got)
		}
		stop()
		if left := unsent(t, db); len(left) != 0 {
			t.Errorf("not marked: %v", left)
		}
		if got := b.has(); len(got) != len(want) {
			t.Errorf("%d events sent, want %d", len(got), len(want))
		}
	})
}

func TestRelayRestartsAtTheLowestUnsent(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		add(t, db, "a.events", "k 1", "l 1", "k 2", "m 1")
		b := newBroker(func(records []kafka.Record) ([]bool, error) {
			return []bool{true, false, false, true}, &kafka.SendError{Index: 1, Err: errors.New("no leader")}
		})
		stop := start(t, db, b)
		got := b.waitFor(t, 4)
		stop()
		if !slices.Equal(got, []string{"k 1", "m 1", "l 1", "k 2"}) || !slices.Equal(b.calls[1], []string{"l 1", "k 2"}) {
			t.Errorf("sent %v in %v", got, b.calls)
		}
	})
}

func TestRefusedEventHoldsBackItsKey(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		add(t, db, "a.events", "k 1", "k 2", "l 1", "k 3")
		tooLarge := func(records []kafka.Record) ([]bool, error) {
			return []bool{true, false, false, false}, &kafka.SendError{Index: 1, Topic: "a.events", Key: "k", Err: ck.NewError(ck.ErrMsgSizeTooLarge, "too large", false)}
		}
		b := newBroker(tooLarge)
		stop := start(t, db, b)
		if got := b.waitFor(t, 2); !slices.Equal(got, []string{"k 1", "l 1"}) {
			t.Errorf("sent %v", got)
		}
		add(t, db, "a.events", "k 4", "l 2")
		add(t, db, "b.events", "k 1") // the same key in another topic
		if got := b.waitFor(t, 4); !slices.Equal(got, []string{"k 1", "l 1", "l 2", "k 1"}) {
			t.Errorf("sent %v", got)
		}
		refused, err := Refused(t.Context(), db, 10)
		if err != nil || !slices.Equal(texts(refused), []string{"k 2"}) || refused[0].Refused == "" {
			t.Fatalf("refused %+v, %v", refused, err)
		}
		stop()

		// The next relay knows it still, until an operator lifts the refusal.
		b = newBroker()
		start(t, db, b)
		add(t, db, "a.events", "l 3")
		if got := b.waitFor(t, 1); !slices.Equal(got, []string{"l 3"}) {
			t.Errorf("sent %v", got)
		}
		lift := func(ctx context.Context, tx *sqldb.Tx) error { return LiftRefusal(ctx, tx, refused[0].ID) }
		sqldbtest.Tx(t, db, lift)
		if got := b.waitFor(t, 4); !slices.Equal(got, []string{"l 3", "k 2", "k 3", "k 4"}) {
			t.Errorf("sent %v", got)
		}
		if err := db.InTx(t.Context(), lift); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("lifted twice: %v", err)
		}
	})
}

// A transaction that takes its ids first and commits last loses nothing.
func TestLateCommitIsFound(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.PostgresURL(t)})
	b := newBroker()
	start(t, db, b)
	sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := newTestWriter().Append(ctx, tx, drafts(t, "a.events", "slow 1")...); err != nil {
			return err
		}
		add(t, db, "a.events", "fast 1")
		b.waitFor(t, 1)
		return nil
	})
	if got := b.waitFor(t, 2); !slices.Equal(got, []string{"fast 1", "slow 1"}) {
		t.Errorf("sent %v", got)
	}
}

func TestRelaySendsWhatIsCommittedBeforeItStops(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		b := newBroker()
		b.gate = make(chan struct{})
		stop := start(t, db, b)
		add(t, db, "a.events", "k 1")
		b.gate <- struct{}{} // the relay runs
		b.waitFor(t, 1)
		add(t, db, "a.events", "k 2", "k 3")
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		for open := true; open; {
			select {
			case b.gate <- struct{}{}:
			case <-stopped:
				open = false
			}
		}
		if got := b.has(); !slices.Equal(got, []string{"k 1", "k 2", "k 3"}) {
			t.Errorf("sent %v", got)
		}
		if left := unsent(t, db); len(left) != 0 {
			t.Errorf("not marked: %v", left)
		}
	})
}

// What was committed while nobody looked is sent even when the relay is told to stop at once.
func TestStopIsNoReasonToForget(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		var want []string
		for n := range 20 { // which of its occasions the relay sees first is a matter of chance
			want = append(want, fmt.Sprintf("k %d", n+1))
			add(t, db, "a.events", want[n])
			b := newBroker()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := newRelay(db, b.send, slog.New(slog.DiscardHandler), nil).active(ctx, noLock{}, nil); err != nil {
				t.Fatal(err)
			}
			if got := b.has(); !slices.Equal(got, want[n:]) {
				t.Fatalf("sent %v, want %v", got, want[n:])
			}
		}
	})
}

// Between the acknowledgement and its mark an event is not sent again.
func TestAcknowledgedIsNotSentAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		b := newBroker(func(records []kafka.Record) ([]bool, error) {
			return []bool{true, false, true}, &kafka.SendError{Index: 1, Err: errors.New("no leader")}
		})
		marking := &turn{relay: newRelay(db, b.send, slog.New(slog.DiscardHandler), nil), marks: newMarks()} // nobody marks
		if err := marking.inspect(t.Context()); err != nil {
			t.Fatal(err)
		}
		add(t, db, "a.events", "k 1", "l 1", "m 1")
		for range 3 {
			if err := errors.Join(marking.sendUnsent(t.Context()), marking.sweep(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		marking.restart()
		add(t, db, "a.events", "k 2")
		if err := marking.sendUnsent(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.has(); !slices.Equal(got, []string{"k 1", "m 1", "l 1", "k 2"}) {
			t.Errorf("sent %v", got)
		}
		if left := unsent(t, db); len(left) != 4 {
			t.Errorf("unmarked %v", left)
		}
	})
}

// More events than a batch holds wait behind a refused one: those of other keys still go on.
func TestLongQueueBehindARefusal(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		events := []string{"k 1"}
		for n := range 2*batchRows + 100 {
			events = append(events, fmt.Sprintf("k %d", n+2))
		}
		b := newBroker(func(records []kafka.Record) ([]bool, error) {
			return acks(len(records), 0), &kafka.SendError{Err: ck.NewError(ck.ErrMsgSizeTooLarge, "too large", false)}
		})
		blocked := &turn{relay: newRelay(db, b.send, slog.New(slog.DiscardHandler), nil), marks: newMarks()}
		if err := blocked.inspect(t.Context()); err != nil {
			t.Fatal(err)
		}
		add(t, db, "a.events", append(events, "l 1", "l 2")...)
		if err := blocked.sendUnsent(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.has(); !slices.Equal(got, []string{"l 1", "l 2"}) {
			t.Errorf("sent %v", got)
		}
	})
}

func TestOneRelayIsActive(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLiteURL, "postgres": sqldbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			at := url(t)
			first, second := sqldbtest.Open(t, sqldb.Config{URL: at}), sqldbtest.Open(t, sqldb.Config{URL: at})
			a, b := newBroker(), newBroker()
			stopFirst := start(t, first, a)
			add(t, first, "a.events", "k 1")
			a.waitFor(t, 1)
			start(t, second, b)
			for n := range 10 {
				add(t, second, "a.events", fmt.Sprintf("k %d", n+2)) // committed by the passive one's process
				a.waitFor(t, n+2)
			}
			stopFirst()
			if got := b.has(); len(got) != 0 {
				t.Errorf("the passive relay sent %v", got)
			}
			add(t, second, "a.events", "k 12")
			if got := b.waitFor(t, 1); !slices.Equal(got, []string{"k 12"}) {
				t.Errorf("the second relay sent %v", got)
			}
		})
	}
}

// The server ends the session that holds the lock: the relay notices, and becomes active again.
func TestRelaySurvivesTheLossOfItsLock(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.PostgresURL(t)})
	b := newBroker()
	start(t, db, b)
	add(t, db, "a.events", "k 1")
	b.waitFor(t, 1)
	var killed int
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&killed); err != nil || killed != 1 {
		t.Fatalf("%d sessions ended, %v", killed, err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for held := 0; held == 0; {
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_locks
			WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&held); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the lock was not taken again within 20 s")
		}
	}
	add(t, db, "a.events", "k 2")
	b.waitFor(t, 2)
}
