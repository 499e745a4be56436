package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// pragmas of each connection. WAL with synchronous=FULL: a commit that was answered survives a power cut.
const pragmas = `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
	PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;`

// withoutMutex spares SQLite's own locks: database/sql lets one goroutine at a time use a connection.
const withoutMutex = "_mutex=no"

const readsOnly = `PRAGMA query_only = ON;`

// sqliteConnector opens connections to one database.
type sqliteConnector struct {
	uri    string
	driver *sqlite3.SQLiteDriver
}

func newSQLiteConnector(uri, pragmas string) sqliteConnector {
	return sqliteConnector{uri, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec(pragmas, nil)
		return err
	}}}
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.uri) }
func (c sqliteConnector) Driver() driver.Driver                        { return c.driver }

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
	uri := fileURI(path)
	db.sqlite = newSQLiteConnector(uri, pragmas)
	if db.writer, err = openWriter(ctx, db.sqlite); err != nil {
		return nil, fmt.Errorf("database %s: %s can't be opened for writing: %w", cfg.URL, path, err)
	}
	db.openReaders(newSQLiteConnector(uri, pragmas+readsOnly), 4)
	return db, nil
}

// openReaders opens the pool that only reads.
func (db *DB) openReaders(connector sqliteConnector, connections int) {
	pool := sql.OpenDB(connector)
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

func fileURI(path string) string {
	if runtime.GOOS == "windows" {
		path = "/" + filepath.ToSlash(path)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: withoutMutex}).String()
}
