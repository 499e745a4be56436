// Package store keeps products, their stock and the reservations of orders, in one SQL text for SQLite and PostgreSQL.
package store

import (
	"database/sql"
	"fmt"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
)

// Store makes units of work. Reads are plain functions on a sqldb.Querier.
type Store struct{ outbox *outbox.Writer }

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }

// idsAtOnce is how many ids one SELECT asks for.
const idsAtOnce = 512

// collect scans all rows, which it closes.
func collect[T any](rows *sql.Rows, one func(interface{ Scan(...any) error }) (T, error)) (all []T, err error) {
	defer rows.Close()
	for rows.Next() {
		item, err := one(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}

// instant reads microseconds into a time.
type instant struct{ t *time.Time }

func (i instant) Scan(value any) error {
	micros, ok := value.(int64)
	if !ok {
		return fmt.Errorf("%T is not an instant", value)
	}
	*i.t = sqldb.Time(micros)
	return nil
}
