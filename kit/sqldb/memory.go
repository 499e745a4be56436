package sqldb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
)

var memories atomic.Uint64

const memoryPragmas = `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;`

// memoryURI names a database in memory. The memdb file system lets all connections of the process see it by its name,
// for as long as one of them is open.
func memoryURI(name string) string { return "file:" + name + "?vfs=memdb&" + withoutMutex }

func (db *DB) openMemory(ctx context.Context) (*DB, error) {
	uri := memoryURI(fmt.Sprintf("/orderflow-%d", memories.Add(1)))
	db.sqlite = newSQLiteConnector(uri, memoryPragmas)
	db.memory = &memory{}
	var err error
	if db.writer, err = openWriter(ctx, db.sqlite); err != nil {
		return nil, fmt.Errorf("database %s: %w", db.cfg.URL, err)
	}
	db.openReaders(newSQLiteConnector(uri, memoryPragmas+readsOnly), 2)
	return db, nil
}

// memory remembers which migrations made a database in memory what it is. The next one with the same migrations is
// copied from a template instead, which makes it some twenty times faster to have: tests open thousands.
type memory struct{ migrated string }

// templates are databases in memory by the migrations that made them, kept until the process ends.
var templates struct {
	sync.Mutex
	byMigrations map[string]*sqlite3.SQLiteConn
}

func (m *memory) migrate(ctx context.Context, db *DB, name string, files fs.FS) error {
	sum, err := sumOf(files)
	if err != nil {
		return err
	}
	migrated := m.migrated + name + " " + sum + "\n"
	templates.Lock()
	defer templates.Unlock()
	unused := db.writer.commits.Load() == 0
	if template := templates.byMigrations[migrated]; template != nil && unused {
		m.migrated = migrated
		return db.writer.conn.Raw(func(conn any) error { return copyDatabase(conn, template) })
	}
	if err := applyMigrations(ctx, db, name, files); err != nil {
		return err
	}
	if !unused {
		return nil
	}
	m.migrated = migrated
	conn, err := newSQLiteConnector(":memory:", memoryPragmas).Connect(ctx)
	if err != nil {
		return err
	}
	if err := db.writer.conn.Raw(func(from any) error { return copyDatabase(conn, from) }); err != nil {
		return errors.Join(err, conn.Close())
	}
	if templates.byMigrations == nil {
		templates.byMigrations = map[string]*sqlite3.SQLiteConn{}
	}
	templates.byMigrations[migrated] = conn.(*sqlite3.SQLiteConn) // what this driver opens
	return nil
}

// copyDatabase replaces what one connection's database holds by what the other's holds. Both are this driver's.
func copyDatabase(to, from any) error {
	backup, err := to.(*sqlite3.SQLiteConn).Backup("main", from.(*sqlite3.SQLiteConn), "main")
	if err != nil {
		return err
	}
	_, err = backup.Step(-1)
	return errors.Join(err, backup.Finish())
}

func sumOf(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := files.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		fmt.Fprintln(sum, path)
		_, err = io.Copy(sum, file)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil)), err
}
