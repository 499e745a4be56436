package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"orderflow.example/kit/sqldb"
)

// references remembers which of the provider's payments were met: on disk, because there may be millions.
type references struct {
	dir string
	db  *sqldb.DB
}

func newReferences(ctx context.Context) (*references, error) {
	dir, err := os.MkdirTemp("", "payment-reconcile-")
	if err != nil {
		return nil, err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "references.db")})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := &references{dir, db}
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, `CREATE TABLE met (reference TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID`)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary table: %w", err), r.close())
	}
	return r, nil
}

func (r *references) close() error { return errors.Join(r.db.Close(), os.RemoveAll(r.dir)) }

func (r *references) add(ctx context.Context, ids []string) error {
	rows := make([]any, len(ids))
	for i, id := range ids {
		rows[i] = id
	}
	return r.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := sqldb.ExecRows(ctx, tx, "INSERT INTO met (reference) VALUES ", 1, " ON CONFLICT DO NOTHING", rows)
		return err
	})
}

// among are those of the ids that were added.
func (r *references) among(ctx context.Context, ids []string) (map[string]bool, error) {
	found, err := sqldb.CollectIn(ctx, r.db, sqldb.Column[string], "SELECT reference FROM met WHERE reference", ids, "")
	if err != nil {
		return nil, fmt.Errorf("read what was met: %w", err)
	}
	met := make(map[string]bool, len(found))
	for _, id := range found {
		met[id] = true
	}
	return met, nil
}
