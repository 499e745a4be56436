package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/sqldb"
)

// unpaidLocks is the class of the advisory locks of customers on PostgreSQL.
const unpaidLocks = 1

// LockUnpaid counts the orders of a customer that are not paid yet. Until the transaction ends no other one counts them:
// on PostgreSQL it waits for a lock of the customer's own, on SQLite a transaction has the database to itself. Customers
// whose names fall on the same lock wait for one another, and no more. It comes before any row is locked.
func LockUnpaid(ctx context.Context, tx *sqldb.Tx, user string) (int64, error) {
	if tx.Flavor() == sqldb.Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", unpaidLocks, user); err != nil {
			return 0, fmt.Errorf("lock unpaid orders: %w", err)
		}
	}
	var unpaid int64
	err := tx.QueryRowContext(ctx, "SELECT CAST(COALESCE(SUM(pending), 0) AS BIGINT) FROM order_summary WHERE user_id = $1", user).Scan(&unpaid)
	if err != nil {
		return 0, fmt.Errorf("count unpaid orders: %w", err)
	}
	return unpaid, nil
}
