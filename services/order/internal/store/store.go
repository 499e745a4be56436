// Package store keeps orders, what other services said about them, and the products read model, in one SQL text for
// SQLite and PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow.example/kit/errs"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
)

// Store makes units of work. Reads are plain functions on a sqldb.Querier.
type Store struct {
	outbox  *outbox.Writer
	changed func(changes []Change, certain bool) // nil: nobody asks
}

// New makes a store whose events go out through the writer.
func New(w *outbox.Writer) *Store { return &Store{outbox: w} }

// AnyOwner is the owner of a caller who may see every order. A customer's owner is the subject of their token.
const AnyOwner = ""

// NotFound is the answer for an order that is not there, or is another customer's.
func NotFound(id string) error {
	return errs.New(errs.NotFound, "ORDER_NOT_FOUND", "there is no order %s", id).With("order_id", id)
}

// Get reads an order of the owner. It does not find another's.
func Get(ctx context.Context, q sqldb.Querier, owner, id string) (*order.Order, error) {
	return getBy(ctx, q, "id", owner, id)
}

// GetByNumber reads an order of the owner by the number that people read.
func GetByNumber(ctx context.Context, q sqldb.Querier, owner, number string) (*order.Order, error) {
	return getBy(ctx, q, "number", owner, number)
}

func getBy(ctx context.Context, q sqldb.Querier, column, owner, value string) (*order.Order, error) {
	row := q.QueryRowContext(ctx,
		"SELECT "+columnList+" FROM orders WHERE "+column+" = $1 AND ($2 = '' OR user_id = $2)", value, owner)
	o, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, NotFound(value)
	}
	if err != nil {
		return nil, fmt.Errorf("read order %s: %w", value, err)
	}
	return o, nil
}
