package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestEachMessageOnceInItsOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		batch := b.list("k 1", "l 1", "k 2", "k 2", "l 1")
		batch = append(batch, b.on("b", "k 1", "k 1 of b"))
		b.process(batch...)
		b.process(batch...)                       // replayed after a rebalance
		b.process(b.list("l 2", "k 1", "k 3")...) // sent again by a relay
		b.effects("k 1", "l 1", "k 2", "k 1 of b", "l 2", "k 3")
		b.parked()
		if b.last("a", "k") != "3" || b.last("a", "l") != "2" || b.last("b", "k") != "1" {
			t.Error("last sequences", b.last("a", "k"), b.last("a", "l"), b.last("b", "k"))
		}
	})
}

func TestUnknownKeyBeginsWithItsFirstMessage(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.process(b.list("k 7", "k 8", "k 6")...)
		b.effects("k 7", "k 8")
		b.parked()
	})
}

func TestGapParksAndCloses(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.process(b.list("k 1", "k 3", "l 1", "k 4")...)
		b.effects("k 1", "l 1")
		b.parked("k 3 waiting gap", "k 4 waiting behind")
		b.retry(0)
		b.process(b.list("k 3", "k 5")...) // the one is parked already, the other waits too
		b.parked("k 3 waiting gap", "k 4 waiting behind", "k 5 waiting behind")
		wake, stop := b.db.Watch(wakeName("g"))
		defer stop()
		b.process(b.list("k 2")...)
		if len(wake) != 1 {
			t.Error("nobody was woken")
		}
		b.parked("k 3 waiting gap due", "k 4 waiting behind", "k 5 waiting behind")
		b.retry(3)
		b.effects("k 1", "l 1", "k 2", "k 3", "k 4", "k 5")
		b.parked()
		b.process(b.list("k 6")...)
		b.effects("k 1", "l 1", "k 2", "k 3", "k 4", "k 5", "k 6")
	})
}

// A gap that opens and closes within one batch parks nothing for good.
func TestGapClosesWithinABatch(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.process(b.list("k 1")...)
		wake, stop := b.db.Watch(wakeName("g"))
		defer stop()
		b.process(b.list("k 3", "k 4", "k 2", "k 5")...)
		b.effects("k 1", "k 2")
		b.parked("k 3 waiting gap due", "k 4 waiting behind", "k 5 waiting behind")
		if len(wake) != 1 {
			t.Error("nobody was woken")
		}
		b.retry(3)
		b.effects("k 1", "k 2", "k 3", "k 4", "k 5")
		b.parked()
	})
}

func TestPoisonWaitsWithItsKeyWhileTheRestFlows(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["k 2"] = errRefuse
		b.process(b.list("k 1", "k 2", "l 1", "k 3", "l 2")...)
		b.effects("k 1", "l 1", "l 2")
		b.process(b.list("k 4", "l 3", "k 2")...)
		b.effects("k 1", "l 1", "l 2", "l 3")
		b.parked("k 2 waiting refused due", "k 3 waiting behind", "k 4 waiting behind")
		b.retry(0) // not yet due
		b.clock = b.clock.Add(time.Minute)
		b.retry(0) // refused again
		if m := b.parked("k 2 waiting refused due", "k 3 waiting behind", "k 4 waiting behind")[0]; m.Attempts != 2 || m.NextAttemptAt.Sub(b.clock) != 2*time.Minute {
			t.Errorf("attempts %d, next %v", m.Attempts, m.NextAttemptAt)
		}
		delete(b.fails, "k 2")
		b.retry(0)
		b.clock = b.clock.Add(2 * time.Minute)
		b.retry(3)
		b.effects("k 1", "l 1", "l 2", "l 3", "k 2", "k 3", "k 4")
		b.parked()
		if len(b.deadLetters()) != 0 {
			t.Error("a dead letter was written")
		}
	})
}

// A key whose very first message is refused is known from then on.
func TestPoisonAtFirst(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["k 1"] = errRefuse
		b.process(b.list("k 1", "k 2")...)
		b.process(b.list("k 3")...)
		b.effects()
		b.parked("k 1 waiting refused due", "k 2 waiting behind", "k 3 waiting behind")
		delete(b.fails, "k 1")
		b.clock = b.clock.Add(time.Minute)
		b.retry(3)
		b.effects("k 1", "k 2", "k 3")
	})
}

func TestManyRefusals(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var places, want []string
		for key := range 40 {
			place := fmt.Sprintf("k%02d 1", key)
			places = append(places, place)
			if key%2 == 0 {
				b.fails[place] = errRefuse
			} else {
				want = append(want, place)
			}
		}
		b.process(b.list(places...)...)
		b.effects(want...)
		if len(b.runs) != 2 {
			t.Errorf("%d runs for refusals that came together, want 2", len(b.runs))
		}
	})
}

// A handler that names only the first bad message of a batch is not run once for each of them.
func TestRefusalsOneByOne(t *testing.T) {
	b := newBench(t, sqldbtest.SQLiteURL(t), func(cfg *Config) {
		inner := cfg.Handle
		cfg.Handle = func(ctx context.Context, tx *sqldb.Tx, batch []Message) error {
			all := refusals(inner(ctx, tx, batch))
			if len(all) > 0 {
				return fmt.Errorf("wrapped: %w", all[0])
			}
			return nil
		}
	})
	var places []string
	for key := range 64 {
		places = append(places, fmt.Sprintf("k%02d 1", key))
		b.fails[places[key]] = errRefuse
	}
	handled := 0
	b.process(b.list(places...)...)
	for _, run := range b.runs {
		handled += len(run)
	}
	b.effects()
	if handled > 64*16 { // 64 * 64 / 2 if each run had all that is left
		t.Errorf("%d messages given to the handler", handled)
	}
}

// An error that names no message, and a panic, are charged to the message that causes them alone.
func TestUnnamedErrorsFindTheirMessage(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["m 1"] = errors.New("violates a constraint")
		records := b.list("k 1", "l 1", "k 2", "m 1", "l 2", "m 2")
		records = append(records, b.on("a", "n 1", "panics"), b.on("a", "o 1"))
		b.process(records...)
		b.effects("k 1", "l 1", "k 2", "l 2", "o 1")
		all := b.parked("m 1 waiting refused due", "m 2 waiting behind", "n 1 waiting refused due")
		details := map[string]bool{}
		for _, m := range all {
			details[m.Detail] = true
		}
		if !details["violates a constraint"] || !details["panic: out of range"] {
			t.Errorf("details %v", details)
		}
	})
}

func TestWhatCannotBeReadIsDeadAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		plain := kafka.Record{Topic: "a", Partition: 2, Offset: 77, Key: "k", Value: []byte("raw\x00\xff"), Headers: map[string]string{"x": "y\x00"}}
		broken := b.on("a", "k 0")
		binary := b.on("a", "\xff\x00key 1")
		b.process(b.on("a", "k 1"), plain, broken, b.on("a", "k 2", "undecodable"), b.on("a", "k 3"), b.on("a", "l 1"), binary)
		b.process(plain, broken, binary) // replayed
		b.effects("k 1", "l 1")
		all := b.parked("a/2/77 0 dead envelope", fmt.Sprintf("a/1/%d 0 dead envelope", broken.Offset), "k 2 dead undecodable", "k 3 waiting behind",
			fmt.Sprintf("a/1/%d 0 dead envelope", binary.Offset))
		letters := b.deadLetters()
		if len(letters) != 4 {
			t.Fatalf("%d dead letters", len(letters))
		}
		first := letters[0].Record()
		if first.Topic != "g.dlq" || first.Key != "k" || string(first.Value) != "raw\x00\xff" || first.Headers["dlq_topic"] != "a" || first.Headers["dlq_partition"] != "2" ||
			first.Headers["dlq_offset"] != "77" || first.Headers["dlq_group"] != "g" || !strings.HasPrefix(first.Headers["dlq_reason"], "envelope: ce_specversion") ||
			first.Headers["x"] != "y\x00" || first.Headers["ce_type"] != "" {
			t.Errorf("dead letter %+v", first)
		}
		third := letters[2].Record()
		if third.Headers["ce_id"] != "a k 2 undecodable" || third.Headers["ce_type"] != "Known" || third.Headers["dlq_reason"] != "undecodable: truncated: unexpected EOF" || third.Key != "k" {
			t.Errorf("dead letter %+v", third)
		}
		if m := all[0]; string(m.Payload) != "raw\x00\xff" || m.Headers["x"] != "y\x00" || m.RecordKey != "k" {
			t.Errorf("parked %+v", m)
		}
	})
}

func TestTypes(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ofType := func(place, name string) kafka.Record {
			record := b.on("a", place, "undecodable")
			record.Headers["ce_type"] = name
			return record
		}
		b.process(b.on("a", "k 1"), ofType("k 2", "Boring"), b.on("a", "k 3"), ofType("l 1", "Future"), b.on("a", "l 2"))
		b.effects("k 1", "k 3")
		b.parked("l 1 waiting unknown_type due", "l 2 waiting behind")
		b.handles["Future"], b.ignores["Future"] = false, true // a later version of the service ignores it
		b.clock = b.clock.Add(time.Minute)
		b.retry(1)
		b.effects("k 1", "k 3", "l 2")
		b.parked()
	})
}

func TestMessagesWithoutNumbers(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["bad"] = errRefuse
		one, bad := b.on("a", "k", "one"), b.on("a", "k", "bad")
		b.process(one, bad, b.on("a", "k", "two"), b.on("a", "l", "three"), b.on("a", "k 1"))
		b.process(one, bad, b.on("a", "k", "four"))
		b.effects("one", "three", "k 1")
		b.parked("k 0 waiting refused due", "k 0 waiting behind", "k 0 waiting behind")
		delete(b.fails, "bad")
		b.clock = b.clock.Add(time.Minute)
		b.retry(3)
		b.effects("one", "three", "k 1", "bad", "two", "four")
		b.process(one, bad, b.on("a", "k", "four"))
		b.effects("one", "three", "k 1", "bad", "two", "four")
		b.parked()
	})
}

func TestCompactedTopicHasGaps(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.fails["k 5"] = errRefuse
		b.process(b.on("c", "k 2"), b.on("c", "k 1"), b.on("c", "k 5"), b.on("c", "k 9"), b.on("c", "l 1"), b.on("c", "l 3"))
		b.process(b.on("c", "k 9"), b.on("c", "l 1"))
		b.effects("k 2", "l 1", "l 3")
		b.parked("k 5 waiting refused due", "k 9 waiting behind")
		delete(b.fails, "k 5")
		b.clock = b.clock.Add(time.Minute)
		b.retry(2)
		b.effects("k 2", "l 1", "l 3", "k 5", "k 9")
		b.process(b.on("c", "k 7"), b.on("c", "k 12"))
		b.effects("k 2", "l 1", "l 3", "k 5", "k 9", "k 12")
	})
}

// Two owners of a partition, as for a moment in a rebalance, apply each message once.
func TestTwoOwnersAtATime(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLiteURL, "postgres": sqldbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			at := url(t)
			a := newBench(t, at, nil)
			other := New(a.cfg)
			var records []kafka.Record
			var want []string
			for sequence := range 20 {
				for key := range 10 {
					place := fmt.Sprintf("k%d %d", key, sequence+1)
					records = append(records, a.on("a", place))
					want = append(want, place)
				}
			}
			a.fails["k3 5"] = errRefuse
			var running, guard sync.WaitGroup
			guard.Add(2)
			handle := a.cfg.Handle
			var mu sync.Mutex
			locked := func(ctx context.Context, tx *sqldb.Tx, batch []Message) error {
				mu.Lock()
				defer mu.Unlock()
				return handle(ctx, tx, batch)
			}
			a.cfg.Handle, other.cfg.Handle = locked, locked
			for _, p := range []*Processor{a.Processor, other} {
				running.Go(func() {
					guard.Done()
					guard.Wait()
					for chunk := range slices.Chunk(records, 30) {
						if err := p.Process(t.Context(), chunk); err != nil {
							t.Error(err)
						}
					}
				})
			}
			running.Wait()
			var effects []string
			rows, err := a.db.QueryContext(t.Context(), "SELECT text FROM effects")
			if err != nil {
				t.Fatal(err)
			}
			if err := each(rows, func() error {
				var text string
				err := rows.Scan(&text)
				effects = append(effects, text)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			want = slices.DeleteFunc(want, func(place string) bool {
				return strings.HasPrefix(place, "k3 ") && !slices.Contains([]string{"k3 1", "k3 2", "k3 3", "k3 4"}, place)
			})
			slices.Sort(effects)
			slices.Sort(want)
			if !slices.Equal(effects, want) {
				t.Errorf("%d effects, want %d", len(effects), len(want))
			}
			parked, err := List(t.Context(), a.db, "g", 1000)
			if err != nil || len(parked) != 16 {
				t.Errorf("%d parked, %v", len(parked), err)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	good := map[string]string{"ce_specversion": "1.0", "ce_id": "i", "ce_type": "t", "ce_source": "s", "ce_subject": "k", "ce_sequence": "7",
		"ce_time": "2026-01-02T03:04:05.000006+01:00", "ce_correlationid": "c", "ce_causationid": "z", "traceparent": "00"}
	record := func(change map[string]string) kafka.Record {
		headers := maps.Clone(good)
		for name, value := range change {
			headers[name] = value
			if value == "-" {
				delete(headers, name)
			}
		}
		return kafka.Record{Key: "k", Headers: headers, Timestamp: time.Unix(1, 0)}
	}
	m, err := open(record(nil))
	if err != nil || m.ID != "i" || m.Type != "t" || m.Source != "s" || m.Subject != "k" || m.Sequence != 7 || m.CorrelationID != "c" || m.CausationID != "z" ||
		m.TraceParent != "00" || !m.Time.Equal(time.Date(2026, 1, 2, 2, 4, 5, 6000, time.UTC)) {
		t.Errorf("message %+v, %v", m, err)
	}
	if m, err := open(record(map[string]string{"ce_sequence": "-", "ce_time": "-"})); err != nil || m.Sequence != 0 || !m.Time.Equal(time.Unix(1, 0)) {
		t.Errorf("without the optional ones: %+v, %v", m, err)
	}
	for header, bad := range map[string][]string{
		"ce_specversion": {"-", "0.3"}, "ce_id": {"-", strings.Repeat("x", 513), "a\x00b", "\xff"}, "ce_type": {"-", ""}, "ce_source": {"-"},
		"ce_sequence": {"0", "-1", "x", ""}, "ce_time": {"yesterday"},
	} {
		for _, value := range bad {
			if _, err := open(record(map[string]string{header: value})); err == nil || !strings.Contains(err.Error(), header) {
				t.Errorf("%s %q: %v", header, value, err)
			}
		}
	}
	keyless := record(nil)
	keyless.Key = ""
	if _, err := open(keyless); err == nil {
		t.Error("a record without a key was taken")
	}
}
