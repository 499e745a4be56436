package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
)

const (
	entryList    = "id, journal_id, payment_id, order_id, operation, account, amount, currency, occurred_at"
	insertEntry  = "INSERT INTO ledger (" + entryList + ") VALUES "
	entryColumns = 9
)

// Entry is a line of the ledger.
type Entry struct {
	ID         string
	JournalID  string
	PaymentID  string
	OrderID    string
	Operation  string
	Account    string
	Amount     int64 // minor units, a debit above 0, a credit below
	Currency   string
	OccurredAt time.Time
}

// LedgerFilter says which entries to list. A zero field filters nothing.
type LedgerFilter struct {
	OrderID string
	Before  string // id of the last entry of the page before
	Limit   int
}

// ListLedger reads a page of ledger entries, newest first, and how many pass the filter on all pages.
func ListLedger(ctx context.Context, q sqldb.Querier, f LedgerFilter) (page []Entry, total int64, err error) {
	where := &conditions{}
	if f.OrderID != "" {
		where.add("order_id = ?", f.OrderID)
	}
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM ledger"+where.text(), where.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count ledger entries: %w", err)
	}
	if f.Before != "" {
		where.add("id < ?", f.Before)
	}
	query := "SELECT " + entryList + " FROM ledger" + where.text() + " ORDER BY id DESC LIMIT " + where.parameter(f.Limit)
	rows, err := q.QueryContext(ctx, query, where.args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list ledger entries: %w", err)
	}
	page, err = collect(rows, func(row interface{ Scan(...any) error }) (e Entry, err error) {
		err = row.Scan(&e.ID, &e.JournalID, &e.PaymentID, &e.OrderID, &e.Operation, &e.Account, &e.Amount, &e.Currency, instant{&e.OccurredAt})
		return e, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list ledger entries: %w", err)
	}
	return page, total, nil
}
