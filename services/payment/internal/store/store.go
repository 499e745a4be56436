// Package store keeps payments, their refunds and the ledger, in one SQL text for SQLite and PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// Store makes units of work. Reads are plain functions on a sqldb.Querier.
type Store struct{ outbox *outbox.Writer }

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }

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

// GetByOrders reads the payments of orders; those that have none are missing in the result.
func GetByOrders(ctx context.Context, q sqldb.Querier, orderIDs ...string) (map[string]*payment.Payment, error) {
	found, err := sqldb.CollectIn(ctx, q, scan, "SELECT "+columnList+" FROM payments WHERE order_id", orderIDs, "")
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	byOrder := make(map[string]*payment.Payment, len(found))
	for _, l := range found {
		byOrder[l.OrderID] = l.Payment
	}
	return byOrder, readRefunds(ctx, q, found)
}

func getBy(ctx context.Context, q sqldb.Querier, column, value string) (*payment.Payment, error) {
	row, err := scan(q.QueryRowContext(ctx, "SELECT "+columnList+" FROM payments WHERE "+column+" = $1", value))
	if err != nil {
		return nil, fmt.Errorf("read payment %s: %w", value, err)
	}
	return row.Payment, readRefunds(ctx, q, []loaded{row})
}
