// Package sqldbtest runs tests on every database that sqldb knows: SQLite in a file of the test's own, and PostgreSQL,
// in a database of the test's own, when TEST_POSTGRES_URL names a server.
package sqldbtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"orderflow.example/kit/sqldb"
)

// Variable names the PostgreSQL server for tests: a URL of a user who may create databases.
const Variable = "TEST_POSTGRES_URL"

// Each runs the test on each database, empty but for the tables of MigrateKit.
func Each(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, Open(t, sqldb.Config{URL: SQLiteURL(t)})) })
	t.Run("postgres", func(t *testing.T) { test(t, Open(t, sqldb.Config{URL: PostgresURL(t)})) })
}

// SQLiteURL is the URL of a new file.
func SQLiteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// PostgresURL is the URL of a new database, dropped at the test's end. The test is skipped without a server.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		t.Skip("SKIPPED: " + Variable + " is not set")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	admin(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, server, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	u.Path = "/" + name
	return u.String()
}

// Open opens and migrates a database and closes it at the test's end.
func Open(t testing.TB, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := sqldb.MigrateKit(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

// Tx runs fn in a transaction and fails the test when it does not commit.
func Tx(t testing.TB, db *sqldb.DB, fn func(ctx context.Context, tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func admin(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	defer func() { _ = conn.Close(ctx) }() // the statement's outcome is known
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
