package sqldb_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/kit/sqldb/sqldbtest"
)

func TestCollect(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		const many = 1100 // more ids than one statement asks for
		at := time.Date(2026, 11, 2, 12, 0, 0, 123_000, time.UTC)
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE things (id TEXT PRIMARY KEY, at BIGINT NOT NULL)"); err != nil {
			t.Fatal(err)
		}
		ids := make([]string, many)
		var rows []any
		for i := range ids {
			ids[i] = fmt.Sprintf("t%05d", i)
			rows = append(rows, ids[i], sqldb.Micros(at))
		}
		sqldbtest.Tx(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := sqldb.ExecRows(ctx, tx, "INSERT INTO things (id, at) VALUES ", 2, "", rows)
			return err
		})

		asked := append([]string{"none"}, ids...)
		slices.Reverse(asked)
		found, err := sqldb.CollectIn(t.Context(), db, sqldb.Column[string],
			"SELECT id FROM things WHERE id <> $1 AND id", append(asked, ids[7]), " ORDER BY id", ids[3])
		if err != nil || !slices.Equal(found, slices.Delete(slices.Clone(ids), 3, 4)) {
			t.Errorf("%d of %d: %v", len(found), many, err)
		}
		if found, err := sqldb.CollectIn(t.Context(), db, sqldb.Column[string], "SELECT id FROM things WHERE id", nil, ""); found != nil || err != nil {
			t.Errorf("%v, %v", found, err)
		}

		var where sqldb.Where
		where.Add("id < ?", ids[9])
		where.Add("(at, id) > (?, ?)", sqldb.Micros(at), ids[5])
		query := "SELECT at FROM things" + where.String() + " ORDER BY id LIMIT " + where.Arg(2)
		times, err := sqldb.Collect(t.Context(), db, func(row sqldb.Scanner) (at time.Time, err error) {
			err = row.Scan(sqldb.Instant(&at))
			return at, err
		}, query, where.Args()...)
		if err != nil || !slices.Equal(times, []time.Time{at, at}) {
			t.Errorf("%s: %v, %v", query, times, err)
		}

		if _, err := sqldb.Collect(t.Context(), db, sqldb.Column[int64], "SELECT id FROM things"); err == nil {
			t.Error("a text is read as a number")
		}
		if _, err := sqldb.Collect(t.Context(), db, sqldb.Column[int64], "SELECT nothing"); err == nil {
			t.Error("a malformed query is no error")
		}
		if err := sqldb.Instant(&at).Scan("yesterday"); err == nil {
			t.Error("a text is read as an instant")
		}
	})
}

func TestNoConditions(t *testing.T) {
	if text := (&sqldb.Where{}).String(); text != "" {
		t.Errorf("%q", text)
	}
}
