package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// pragmas of each connection. WAL with synchronous=FULL: a commit that was answered survives a power cut.
var pragmas = []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16384)", "temp_store(MEMORY)"}

func openSQLite(ctx context.Context, cfg Config) (*DB, error) {
	db := &DB{cfg: cfg, flavor: SQLite, log: cfg.Log, signals: newSignals(nil)}
	path := strings.TrimPrefix(cfg.URL, "sqlite:")
	if path == ":memory:" {
		return db.openMemory(ctx)
	}
	path, err := databasePath(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", cfg.URL, err)
	}
	db.file = path
	db.dsn = sqliteDSN(path, pragmas)
	if db.writer, err = openWriter(ctx, db.dsn); err != nil {
		return nil, fmt.Errorf("database %s: %s can't be opened for writing: %w", cfg.URL, path, err)
	}
	if err := db.openReaders(sqliteDSN(path, append([]string{"query_only(1)"}, pragmas...)), 4); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", cfg.URL, err), db.writer.close())
	}
	return db, nil
}

// openReaders opens the pool that only reads.
func (db *DB) openReaders(dsn string, connections int) error {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	if db.cfg.MaxOpen > 0 {
		connections = db.cfg.MaxOpen
	}
	idle := connections
	if db.cfg.MaxIdle > 0 {
		idle = min(connections, db.cfg.MaxIdle)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(idle)
	db.pool, db.reads = pool, newStatements(pool)
	return nil
}

// databasePath is the absolute path, once its folder is known to be there and to be a folder.
func databasePath(path string) (string, error) {
	if strings.HasPrefix(path, "//") { // sqlite:///abs/path.db
		path = "/" + strings.TrimLeft(path, "/")
	}
	if path == "" {
		return "", errors.New("the path is missing")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(path)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("the folder %s does not exist", folder)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a folder", folder)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder", path)
	}
	// SQLite reports an unwritable path only by a number: opening it for writing names the cause.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("not writable: %w", err)
	}
	return path, file.Close()
}

func sqliteDSN(path string, pragmas []string) string {
	if runtime.GOOS == "windows" {
		path = "/" + filepath.ToSlash(path)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}).String()
}
