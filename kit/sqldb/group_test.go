package sqldb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// openTable opens an SQLite database with a table t (n INTEGER PRIMARY KEY).
func openTable(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	return db
}

func insert(n int) func(ctx context.Context, tx *Tx) error {
	return func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO t (n) VALUES ($1)", n)
		return err
	}
}

func numbers(t *testing.T, db *DB) string {
	t.Helper()
	var list string
	if err := db.QueryRowContext(t.Context(), "SELECT COALESCE(GROUP_CONCAT(n, ' '), '') FROM (SELECT n FROM t ORDER BY n)").Scan(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		runtime.Gosched()
	}
}

// grouped runs the functions as one group: while the writer is held, they queue in their order.
func grouped(t *testing.T, db *DB, fns ...func(ctx context.Context, tx *Tx) error) []error {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- db.InTx(t.Context(), func(context.Context, *Tx) error {
			close(held)
			<-release
			return errors.New("leave the group") // so that the next one opens the transaction
		})
	}()
	<-held
	outcomes := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					outcomes[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			outcomes[i] = db.InTx(t.Context(), fn)
		})
		eventually(t, "the call is queued", func() bool { return len(db.writer.queue) == i+1 })
	}
	close(release)
	<-blocked
	wg.Wait()
	return outcomes
}

func TestCallersShareACommit(t *testing.T) {
	db := openTable(t)
	before := db.writer.commits.Load()
	var fns []func(context.Context, *Tx) error
	for n := range groupSize + 6 {
		fns = append(fns, insert(n))
	}
	for i, err := range grouped(t, db, fns...) {
		if err != nil {
			t.Errorf("transaction %d: %v", i, err)
		}
	}
	// Slow machines may close a group early, for its work took too long; it must still be far from one commit each.
	if commits := db.writer.commits.Load() - before; commits < 2 || commits > 10 {
		t.Errorf("%d transactions took %d commits, want 2", len(fns), commits)
	}
	if got := len(strings.Fields(numbers(t, db))); got != groupSize+6 {
		t.Errorf("%d rows, want %d", got, groupSize+6)
	}
}

func TestAFailureHarmsNoNeighbour(t *testing.T) {
	failing := func(n int, end func() error) func(context.Context, *Tx) error {
		return func(ctx context.Context, tx *Tx) error {
			if err := insert(n)(ctx, tx); err != nil {
				return err
			}
			return end()
		}
	}
	refuse := func() error { return errors.New("refused") }
	explode := func() error { panic("boom") }
	tests := map[string]struct {
		fns  []func(context.Context, *Tx) error
		want []string // part of each outcome
		rows string
	}{
		"error in the middle": {
			[]func(context.Context, *Tx) error{insert(1), failing(2, refuse), insert(3)}, []string{"", "refused", ""}, "1 3"},
		"error at first": {
			[]func(context.Context, *Tx) error{failing(1, refuse), insert(2), insert(3)}, []string{"refused", "", ""}, "2 3"},
		"panic": {
			[]func(context.Context, *Tx) error{insert(1), failing(2, explode), insert(3)}, []string{"", "panic: boom", ""}, "1 3"},
		"panic at first": {
			[]func(context.Context, *Tx) error{failing(1, explode), insert(2)}, []string{"panic: boom", ""}, "2"},
		"constraint": {
			[]func(context.Context, *Tx) error{insert(1), insert(1), insert(3)}, []string{"", "UNIQUE", ""}, "1 3"},
		"all fail": {
			[]func(context.Context, *Tx) error{failing(1, refuse), failing(2, refuse)}, []string{"refused", "refused"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := openTable(t)
			for i, err := range grouped(t, db, test.fns...) {
				if got := fmt.Sprint(err); (test.want[i] == "") != (err == nil) || !strings.Contains(got, test.want[i]) {
					t.Errorf("transaction %d: %v, want %q", i, err, test.want[i])
				}
			}
			if got := numbers(t, db); got != test.rows {
				t.Errorf("rows %q, want %q", got, test.rows)
			}
		})
	}
}

func TestAnEndedGoroutineHarmsNoNeighbour(t *testing.T) {
	db := openTable(t)
	outcomes := grouped(t, db, insert(1), func(ctx context.Context, tx *Tx) error {
		if err := insert(2)(ctx, tx); err != nil {
			return err
		}
		runtime.Goexit()
		return nil
	}, insert(3))
	if outcomes[0] != nil || !errors.Is(outcomes[1], errGoexit) || outcomes[2] != nil {
		t.Errorf("outcomes %v", outcomes)
	}
	if got := numbers(t, db); got != "1 3" {
		t.Errorf("rows %q, want 1 3", got)
	}
}

// A deferred constraint shows only at the commit, which it would refuse to all.
func TestOneThatSpoilsTheCommitFailsAlone(t *testing.T) {
	db := openTable(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)"); err != nil {
		t.Fatal(err)
	}
	orphan := func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO child (n) VALUES (99)")
		return err
	}
	outcomes := grouped(t, db, insert(1), orphan, insert(3))
	if outcomes[0] != nil || outcomes[1] == nil || outcomes[2] != nil {
		t.Errorf("outcomes %v", outcomes)
	}
	if got := numbers(t, db); got != "1 3" {
		t.Errorf("rows %q, want 1 3", got)
	}
}

// A full disk is one transaction's error, or the group's: who is told that it worked must find its row.
func TestOutcomesAreTrueWhenTheDiskIsFull(t *testing.T) {
	db := openTable(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE blobs (b BLOB)"); err != nil {
		t.Fatal(err)
	}
	limit := func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "PRAGMA max_page_count = 20")
		return err
	}
	big := func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO blobs (b) VALUES (ZEROBLOB(1000000))")
		return err
	}
	outcomes := grouped(t, db, limit, insert(1), big, insert(2))
	if outcomes[1] != nil || !IsTransient(outcomes[2]) || outcomes[3] != nil {
		t.Errorf("outcomes %v", outcomes)
	}
	if got := numbers(t, db); got != "1 2" {
		t.Errorf("rows %q, want 1 2", got)
	}
}

func TestACallerWhoGivesUpInTheQueueIsSkipped(t *testing.T) {
	db := openTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	ran := false
	held, release := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- db.InTx(t.Context(), func(context.Context, *Tx) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	go func() {
		given <- db.InTx(ctx, func(context.Context, *Tx) error { ran = true; return nil })
	}()
	eventually(t, "the call is queued", func() bool { return len(db.writer.queue) == 1 })
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v", err)
	}
	close(release)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	if err := db.InTx(t.Context(), insert(1)); err != nil || ran {
		t.Errorf("error %v, the abandoned function ran: %v", err, ran)
	}
}

func TestACallerWhoGivesUpAfterItsTurnGetsTheOutcome(t *testing.T) {
	db := openTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.InTx(ctx, func(inside context.Context, tx *Tx) error {
		cancel()
		if inside.Err() != nil {
			t.Error("the transaction's context ended with the caller's")
		}
		return insert(1)(inside, tx)
	})
	if err != nil || numbers(t, db) != "1" {
		t.Errorf("outcome %v, rows %q", err, numbers(t, db))
	}
	if err := db.InTx(ctx, insert(2)); !errors.Is(err, context.Canceled) || numbers(t, db) != "1" {
		t.Errorf("with a context that has ended: %v, rows %q", err, numbers(t, db))
	}
}

func TestClosedWithWorkQueued(t *testing.T) {
	db, err := Open(t.Context(), Config{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	for i, err := range grouped(t, db, insert(1), func(ctx context.Context, tx *Tx) error {
		go func() { _ = db.Close() }() // waits for this very transaction
		return nil
	}) {
		if err != nil {
			t.Errorf("transaction %d: %v", i, err)
		}
	}
	<-db.writer.stopped
	if err := db.InTx(t.Context(), insert(2)); !errors.Is(err, ErrClosed) || !IsTransient(err) {
		t.Errorf("after Close: %v", err)
	}
}
