package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"orderflow.example/kit/kafka"
	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestTransientErrorsParkNothing(t *testing.T) {
	tests := map[string]func(b *bench) []kafka.Record{
		"handler": func(b *bench) []kafka.Record { b.fails["l 1"] = sqldb.ErrClosed; return b.list("k 1", "l 1") },
		"refusal of one": func(b *bench) []kafka.Record {
			b.fails["l 1"] = Refuse(1, context.Canceled)
			return b.list("k 1", "l 1")
		},
		"registry": func(b *bench) []kafka.Record {
			return []kafka.Record{b.on("a", "k 1"), b.on("a", "l 1", "registry away")}
		},
	}
	for name, records := range tests {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				if err := b.Process(t.Context(), records(b)); err == nil || !isTransient(err) {
					t.Errorf("error %v", err)
				}
				b.effects()
				b.parked()
				clear(b.fails)
				b.process(b.list("k 1", "l 1")...)
				b.effects("k 1", "l 1")
			})
		})
	}
}

// What a handler reads may be cut, or hold no address: that is no lost connection, and holds up its key alone.
func TestErrorsThatOnlyLookLikeALostConnection(t *testing.T) {
	_, _, noNetwork := net.ParseCIDR("nowhere")
	tests := map[string]error{
		"end of input":            io.ErrUnexpectedEOF,
		"end of input, wrapped":   fmt.Errorf("read the address: %w", io.EOF),
		"no network address":      noNetwork,
		"named, and end of input": Refuse(1, io.ErrUnexpectedEOF),
	}
	for name, err := range tests {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				if !isTransient(err) {
					t.Fatal("it does not look like one")
				}
				b.fails["l 1"] = err
				b.process(b.list("k 1", "l 1", "m 1")...)
				b.effects("k 1", "m 1")
				b.parked("l 1 waiting refused due")
				b.clock = b.clock.Add(time.Minute)
				b.retry(0)
				if m := b.parked("l 1 waiting refused due")[0]; m.Attempts != 2 {
					t.Errorf("%d attempts", m.Attempts)
				}
			})
		})
	}
}

// The same error makes the batch wait when the connection is lost indeed.
func TestLostConnectionParksNothing(t *testing.T) {
	lose := true
	b := newBench(t, sqldbtest.PostgresURL(t), func(cfg *Config) {
		inner := cfg.Handle
		cfg.Handle = func(ctx context.Context, tx *sqldb.Tx, batch []Message) error {
			if !lose {
				return inner(ctx, tx, batch)
			}
			lose = false
			_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			if err == nil {
				t.Error("the connection is not lost")
			}
			return io.ErrUnexpectedEOF
		}
	})
	if err := b.Process(t.Context(), b.list("k 1")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	b.effects()
	b.parked()
	b.process(b.list("k 1")...)
	b.effects("k 1")
}
