package sqldb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestTexts(t *testing.T) {
	if got := Rows(2, 3); got != "($1,$2,$3),($4,$5,$6)" {
		t.Error(got)
	}
	if got := In(3, 4); got != "($4,$5,$6)" {
		t.Error(got)
	}
	if got := Padded([]any{1, 2, 3}); !slices.Equal(got, []any{1, 2, 3, 3}) {
		t.Error(got)
	}
	if got := Padded(nil); len(got) != 0 {
		t.Error(got)
	}
	sizes := 0
	for chunk := range Chunk(make([]int, 10_000), 12) {
		if len(chunk)*12 > maxParameters {
			t.Errorf("a chunk of %d", len(chunk))
		}
		sizes += len(chunk)
	}
	if sizes != 10_000 {
		t.Error(sizes)
	}
}

func TestPositional(t *testing.T) {
	tests := []struct {
		query, text string
		order       []int
	}{
		{"SELECT 1", "SELECT 1", nil},
		{"a = $1 AND b = $2", "a = ? AND b = ?", nil},
		{"a = $2 AND b = $1", "a = ? AND b = ?", []int{1, 0}},
		{"a = $1 OR b = $1", "a = ? OR b = ?", []int{0, 0}},
		{"VALUES " + Rows(1, 12), "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", nil},
		{"a = '$1' AND b = \"$2\" AND c = $1", "a = '$1' AND b = \"$2\" AND c = ?", nil},
		{"a = 'it''s $9' AND c = $1", "a = 'it''s $9' AND c = ?", nil},
		{"cost = $ AND 'open $1", "cost = $ AND 'open $1", nil},
	}
	for _, test := range tests {
		text, order := positional(test.query)
		if text != test.text || !slices.Equal(order, test.order) {
			t.Errorf("%s: %s %v, want %s %v", test.query, text, order, test.text, test.order)
		}
	}
}

func TestParametersReachTheirPlaces(t *testing.T) {
	db := openTable(t)
	for _, query := range []string{"SELECT $2 || $1 || $2", "SELECT $2 || $1 || $2 /* " + fmt.Sprintf("%*d", cachedLength, 1) + " */"} {
		var got string
		if err := db.QueryRowContext(t.Context(), query, "a", "b").Scan(&got); err != nil || got != "bab" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := db.QueryRowContext(t.Context(), "SELECT $2", "a").Scan(new(string)); err == nil {
		t.Error("a missing argument was taken")
	}
}

func TestExecRows(t *testing.T) {
	for _, rows := range []int{0, 1, 63, 64, 65, 1000} {
		db := openTable(t)
		var args []any
		for n := range rows {
			args = append(args, n)
		}
		var affected int64
		err := db.InTx(t.Context(), func(ctx context.Context, tx *Tx) (err error) {
			affected, err = ExecRows(ctx, tx, "INSERT INTO t (n) VALUES ", 1, " ON CONFLICT DO NOTHING", args)
			return err
		})
		if err != nil || affected != int64(rows) {
			t.Errorf("%d rows: %d affected, %v", rows, affected, err)
		}
	}
}

func TestStatementsLeaveTheCache(t *testing.T) {
	db := openTable(t)
	for i := range 2 * cachedStatements {
		var got int
		if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d + $1", i), 1).Scan(&got); err != nil || got != i+1 {
			t.Fatalf("%d, %v", got, err)
		}
	}
}

func TestInstants(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	if got := Time(Micros(at)); got != at {
		t.Error(got)
	}
	if !Time(Micros(time.Time{})).IsZero() {
		t.Error("the zero time does not come back")
	}
	if got := TimeOrNil(NullTime(&at)); got == nil || *got != at {
		t.Error(got)
	}
	if TimeOrNil(NullTime(nil)) != nil {
		t.Error("NULL does not come back")
	}
}

// The connection is replaced when it can't even roll back.
func TestABrokenConnectionIsReplaced(t *testing.T) {
	db, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	_ = db.writer.conn.Raw(func(any) error { return driver.ErrBadConn }) // database/sql closes it
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INTEGER PRIMARY KEY)"); err == nil {
		t.Error("a closed connection worked")
	}
	eventually(t, "a new connection works", func() bool {
		_, err := db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)")
		return err == nil
	})
}
