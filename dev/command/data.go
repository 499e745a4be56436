package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"orderflow.example/dev/platform"
)

// mustBePlatform refuses a folder that was never a platform's. It writes nothing.
func mustBePlatform(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, platform.MarkFile)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no platform: start one there with `go run ./dev up --data %s`, or name another folder", dir, dir)
	} else if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	return nil
}

// lastTables are, by service, a table that is there once all are.
var lastTables = map[string]string{"order": "products", "inventory": "reservation_lines", "payment": "ledger", "notifier": "deliveries"}

// mustHoldData refuses the folder of a stopped platform that has never come as far as its databases. It writes nothing.
func mustHoldData(ctx context.Context, dir string) error {
	for service, table := range lastTables {
		found, err := hasTable(ctx, filepath.Join(dir, service+".db"), table)
		if err != nil {
			return fmt.Errorf("data directory %s: the database of %s: %w", dir, service, err)
		}
		if !found {
			return fmt.Errorf("%s holds no platform's data yet: start it once with `go run ./dev up --data %s`", dir, dir)
		}
	}
	return nil
}

func hasTable(ctx context.Context, path, table string) (found bool, err error) {
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return false, nil
	} else if err != nil {
		return false, err
	}
	query := "?mode=ro"
	if wal, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) || err == nil && wal.Size() == 0 {
		query += "&immutable=1" // all is in the one file, and SQLite makes none beside it
	}
	db, err := sql.Open("sqlite", // the driver of kit/sqldb, which itself would make the file
		(&url.URL{Scheme: "file", Path: path}).String()+query)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)", table).Scan(&found)
	return found, err
}
