// Package store keeps payments, their refunds and the ledger, in one SQL text for SQLite and PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// Store makes units of work. Reads are plain functions on a sqldb.Querier.
type Store struct{ outbox *outbox.Writer }

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }

// idsAtOnce is how many ids one SELECT asks for.
const idsAtOnce = 512

// Get reads a payment by its own id.
func Get(ctx context.Context, q sqldb.Querier, id string) (*payment.Payment, error) {
	p, err := getBy(ctx, q, "id", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "PAYMENT_NOT_FOUND", "there is no payment %s", id).With("payment_id", id)
	}
	return p, err
}

// GetByOrder reads the payment of an order; nil when there is none.
func GetByOrder(ctx context.Context, q sqldb.Querier, orderID string) (*payment.Payment, error) {
	p, err := getBy(ctx, q, "order_id", orderID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

func getBy(ctx context.Context, q sqldb.Querier, column, value string) (*payment.Payment, error) {
	row, err := scan(q.QueryRowContext(ctx, "SELECT "+columnList+" FROM payments WHERE "+column+" = $1", value))
	if err != nil {
		return nil, fmt.Errorf("read payment %s: %w", value, err)
	}
	return row.Payment, readRefunds(ctx, q, []loaded{row})
}

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
