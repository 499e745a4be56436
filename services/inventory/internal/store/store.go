// Package store keeps products, their stock and the reservations of orders, in one SQL text for SQLite and PostgreSQL.
package store

import "orderflow.example/kit/outbox"

// Store makes units of work. Reads are plain functions on a sqldb.Querier.
type Store struct{ outbox *outbox.Writer }

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }
