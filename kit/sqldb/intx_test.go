package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

const insertSeen = "INSERT INTO inbox_events (consumer, event_id, applied_at) VALUES ($1, $2, $3)"

func see(id string) func(ctx context.Context, tx *sqldb.Tx) error {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, insertSeen, "c", id, 1)
		return err
	}
}

func seen(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT event_id FROM inbox_events ORDER BY event_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestInTxCommitsOrRollsBack(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		var calls []string
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			tx.OnCommit(func() { calls = append(calls, "first") })
			tx.OnCommit(func() { calls = append(calls, "second") })
			return see("a")(ctx, tx)
		})
		refused := errors.New("refused")
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			tx.OnCommit(func() { calls = append(calls, "never") })
			return errors.Join(see("b")(ctx, tx), refused)
		})
		if !errors.Is(err, refused) {
			t.Errorf("error %v", err)
		}
		func() {
			defer func() {
				if p := recover(); p != "boom" {
					t.Errorf("panic %v", p)
				}
			}()
			_ = db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				if err := see("c")(ctx, tx); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		if got := seen(t, db); !slices.Equal(got, []string{"a"}) {
			t.Errorf("rows %v", got)
		}
		if !slices.Equal(calls, []string{"first", "second"}) {
			t.Errorf("hooks %v", calls)
		}
	})
}

// Whoever has to know of a commit is told when its answer is lost, and only then.
func TestACommitWithoutAnAnswer(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.PostgresURL(t)})
	told := 0
	try := func(statement string) error {
		return db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			tx.OnCommit(func() { t.Error("called as if committed") })
			tx.OnUnknown(func() { told++ })
			_, _ = tx.ExecContext(ctx, statement) // the commit fails behind it
			return nil
		})
	}
	if err := try("SELECT pg_terminate_backend(pg_backend_pid())"); err == nil || told != 1 {
		t.Errorf("connection lost: told %d times, %v", told, err)
	}
	if err := try("no statement at all"); err == nil || told != 1 {
		t.Errorf("a commit that is refused: told %d times, %v", told, err)
	}
}

func TestUniqueViolation(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.Tx(t, db, see("a"))
		err := db.InTx(t.Context(), see("a"))
		if !sqldb.IsUniqueViolation(err) || sqldb.IsTransient(err) {
			t.Errorf("error %v", err)
		}
		if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT nonsense")
			return err
		}); err == nil || sqldb.IsUniqueViolation(err) || sqldb.IsTransient(err) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOneInstantATransaction(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			first := tx.Now()
			if first.Location() != time.UTC || first.Nanosecond()%1000 != 0 || time.Since(first).Abs() > time.Minute {
				t.Errorf("instant %v", first)
			}
			if again := tx.Now(); again != first {
				t.Errorf("then %v", again)
			}
			return nil
		})
		if now, err := db.Now(t.Context()); err != nil || time.Since(now).Abs() > time.Minute {
			t.Errorf("now %v, %v", now, err)
		}
	})
}

func TestSimulatedClock(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6789, time.FixedZone("", 3600))
	want := time.Date(2030, 1, 2, 2, 4, 5, 6000, time.UTC)
	for _, url := range []func(testing.TB) string{sqldbtest.SQLiteURL, sqldbtest.PostgresURL} {
		t.Run("", func(t *testing.T) {
			db := sqldbtest.Open(t, sqldb.Config{URL: url(t), Now: func() time.Time { return at }})
			sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
				if tx.Now() != want {
					t.Errorf("transaction %v", tx.Now())
				}
				return nil
			})
			if now, err := db.Now(t.Context()); err != nil || now != want {
				t.Errorf("database %v, %v", now, err)
			}
		})
	}
}

func TestNestedTransactionIsRefused(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error { return db.InTx(ctx, see("a")) })
		if err == nil || !strings.Contains(err.Error(), "inside of a transaction") {
			t.Errorf("error %v", err)
		}
	})
}

func TestReadersDoNotWrite(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.SQLiteURL(t)})
	rows, err := db.QueryContext(t.Context(), insertSeen+" RETURNING event_id", "c", "a", 1)
	if err == nil {
		rows.Close()
		t.Error("a read wrote")
	}
	if _, err := db.ExecContext(t.Context(), insertSeen, "c", "b", 1); err != nil {
		t.Error(err)
	}
	if got := seen(t, db); !slices.Equal(got, []string{"b"}) {
		t.Errorf("rows %v", got)
	}
}

// Two transactions that lock the same rows in opposite order: PostgreSQL ends one of them, which runs again.
func TestDeadlockRunsAgain(t *testing.T) {
	db := sqldbtest.Open(t, sqldb.Config{URL: sqldbtest.PostgresURL(t)})
	sqldbtest.Tx(t, db, see("a"))
	sqldbtest.Tx(t, db, see("b"))
	var both, wg sync.WaitGroup
	both.Add(2)
	runs := make(chan string, 10)
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			var once sync.Once
			if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				runs <- order[0]
				for _, id := range order {
					if _, err := tx.ExecContext(ctx, "UPDATE inbox_events SET applied_at = applied_at + 1 WHERE event_id = $1", id); err != nil {
						return err
					}
					once.Do(func() { both.Done(); both.Wait() })
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(runs) < 3 { // on a busy machine the one that runs again may meet the other's next try, too
		t.Errorf("%d runs: nobody was ended and ran again", len(runs))
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT SUM(applied_at) FROM inbox_events").Scan(&sum); err != nil || sum != 6 {
		t.Errorf("sum %d, %v", sum, err)
	}
}

// Another process holds SQLite's write lock for a while.
func TestBusyRunsAgain(t *testing.T) {
	url := sqldbtest.SQLiteURL(t)
	db := sqldbtest.Open(t, sqldb.Config{URL: url})
	other := sqldbtest.Open(t, sqldb.Config{URL: url})
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		sqldbtest.Tx(t, other, func(ctx context.Context, tx *sqldb.Tx) error {
			close(held)
			<-release
			return see("other")(ctx, tx)
		})
	})
	<-held
	started := make(chan struct{})
	wg.Go(func() {
		close(started)
		sqldbtest.Tx(t, db, see("ours"))
	})
	<-started
	close(release)
	wg.Wait()
	if got := seen(t, db); !slices.Equal(got, []string{"other", "ours"}) {
		t.Errorf("rows %v", got)
	}
}

// The database's files as a crash would leave them hold everything that was answered.
func TestAnsweredCommitsSurviveACrash(t *testing.T) {
	url := sqldbtest.SQLiteURL(t)
	db := sqldbtest.Open(t, sqldb.Config{URL: url})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { sqldbtest.Tx(t, db, see(fmt.Sprintf("%02d", i))) })
	}
	wg.Wait()
	crashed := filepath.Join(t.TempDir(), "crashed.db")
	for _, suffix := range []string{"", "-wal"} { // without -shm, which is rebuilt
		content, err := os.ReadFile(db.File() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := seen(t, sqldbtest.Open(t, sqldb.Config{URL: "sqlite:" + crashed})); len(got) != 50 {
		t.Errorf("%d rows survived, want 50", len(got))
	}
}

func TestWakeComesAfterTheCommit(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		wake, stop := db.Watch("work")
		defer stop()
		other, stopOther := db.Watch("other")
		defer stopOther()
		if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			tx.Wake("work")
			return errors.New("refused")
		}); err == nil {
			t.Error("no error")
		}
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			tx.Wake("work")
			tx.Wake("work")
			if len(wake) != 0 {
				t.Error("woken before the commit")
			}
			return nil
		})
		if len(wake) != 1 || len(other) != 0 {
			t.Errorf("%d wakes, %d of another name", len(wake), len(other))
		}
	})
}

// Another process on the same PostgreSQL database is woken too.
func TestWakeReachesOtherReplicas(t *testing.T) {
	url := sqldbtest.PostgresURL(t)
	a := sqldbtest.Open(t, sqldb.Config{URL: url})
	b := sqldbtest.Open(t, sqldb.Config{URL: url})
	wake, stop := b.Watch("work")
	defer stop()
	deadline := time.After(10 * time.Second)
	for { // until b listens
		sqldbtest.Tx(t, a, func(ctx context.Context, tx *sqldb.Tx) error { tx.Wake("work"); return nil })
		select {
		case <-wake:
			return
		case <-deadline:
			t.Fatal("not woken")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
