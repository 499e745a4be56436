package sqldb

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
)

var memories atomic.Uint64

// memoryDSN names a database in memory. The memdb file system lets all connections of the process see it by its name,
// for as long as one of them is open.
func memoryDSN(name string, pragmas ...string) string {
	return "file:" + name + "?" + url.Values{"vfs": {"memdb"}, "_pragma": append(pragmas, "busy_timeout(5000)", "foreign_keys(1)")}.Encode()
}

func (db *DB) openMemory(ctx context.Context) (*DB, error) {
	name := fmt.Sprintf("/orderflow-%d", memories.Add(1))
	db.dsn = memoryDSN(name, "journal_mode(MEMORY)", "synchronous(OFF)")
	db.memory = &memory{}
	var err error
	if db.writer, err = openWriter(ctx, db.dsn); err != nil {
		return nil, fmt.Errorf("database %s: %w", db.cfg.URL, err)
	}
	if err := db.openReaders(memoryDSN(name, "query_only(1)"), 2); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", db.cfg.URL, err), db.writer.close())
	}
	return db, nil
}

// memory remembers which migrations made a database in memory what it is. The next one with the same migrations is
// copied from a template instead, which makes it some twenty times faster to have: tests open thousands.
type memory struct{ migrated string }

// templates are databases in memory by the migrations that made them, kept until the process ends.
var templates struct {
	sync.Mutex
	byMigrations map[string]driver.Conn
	names        map[string]string
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
	if template, ok := templates.names[migrated]; ok && unused {
		m.migrated = migrated
		return db.writer.conn.Raw(func(conn any) error { return copyFrom(conn, template) })
	}
	if err := applyMigrations(ctx, db, name, files); err != nil {
		return err
	}
	if !unused {
		return nil
	}
	m.migrated = migrated
	template := memoryDSN(fmt.Sprintf("/orderflow-template-%d", len(templates.names)))
	conn, err := (&sqlite.Driver{}).Open(template)
	if err != nil {
		return err
	}
	if err := copyFrom(conn, db.dsn); err != nil {
		return errors.Join(err, conn.Close())
	}
	if templates.names == nil {
		templates.names, templates.byMigrations = map[string]string{}, map[string]driver.Conn{}
	}
	templates.names[migrated], templates.byMigrations[migrated] = template, conn
	return nil
}

// copyFrom replaces what a connection's database holds by a copy of another.
func copyFrom(conn any, dsn string) error {
	restore, ok := conn.(interface {
		NewRestore(string) (*sqlite.Backup, error)
	})
	if !ok {
		return fmt.Errorf("the SQLite driver's %T can't copy databases", conn)
	}
	backup, err := restore.NewRestore(dsn)
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
