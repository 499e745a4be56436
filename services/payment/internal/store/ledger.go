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

// Booked is what the ledger says of one order, in minor units.
type Booked struct {
	OrderID                                string
	Authorized, Captured, Voided, Refunded int64
}

// BookedOf sums the ledger up for orders; those without entries are missing in the result.
func BookedOf(ctx context.Context, q sqldb.Querier, orderIDs ...string) (map[string]Booked, error) {
	sum := func(condition string) string {
		return "COALESCE(SUM(CASE WHEN " + condition + " THEN amount ELSE 0 END), 0)"
	}
	found, err := sqldb.CollectIn(ctx, q, func(row sqldb.Scanner) (b Booked, err error) {
		err = row.Scan(&b.OrderID, &b.Authorized, &b.Captured, &b.Voided, &b.Refunded)
		return b, err
	}, "SELECT order_id, "+sum("operation = 'AUTHORIZATION' AND account = 'holds'")+", "+sum("operation = 'CAPTURE' AND account = 'merchant'")+
		", "+sum("operation IN ('VOID', 'CAPTURE') AND account = 'customer'")+", "+sum("operation = 'REFUND' AND account = 'customer'")+
		" FROM ledger WHERE order_id", orderIDs, " GROUP BY order_id")
	if err != nil {
		return nil, fmt.Errorf("sum up the ledger: %w", err)
	}
	byOrder := make(map[string]Booked, len(found))
	for _, b := range found {
		byOrder[b.OrderID] = b
	}
	return byOrder, nil
}

// LedgerFilter says which entries to list. A zero field filters nothing.
type LedgerFilter struct {
	OrderID        string
	OccurredAfter  time.Time // at this instant or later
	OccurredBefore time.Time // before it
	Before         string    // id of the last entry of the page before
	Limit          int
}

// ListLedger reads a page of ledger entries, newest first, and how many pass the filter on all pages.
func ListLedger(ctx context.Context, q sqldb.Querier, f LedgerFilter) (page []Entry, total int64, err error) {
	where := &sqldb.Where{}
	if f.OrderID != "" {
		where.Add("order_id = ?", f.OrderID)
	}
	if !f.OccurredAfter.IsZero() {
		where.Add("occurred_at >= ?", sqldb.Micros(f.OccurredAfter))
	}
	if !f.OccurredBefore.IsZero() {
		where.Add("occurred_at < ?", sqldb.Micros(f.OccurredBefore))
	}
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM ledger"+where.String(), where.Args()...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count ledger entries: %w", err)
	}
	if f.Before != "" {
		where.Add("id < ?", f.Before)
	}
	query := "SELECT " + entryList + " FROM ledger" + where.String() + " ORDER BY id DESC LIMIT " + where.Arg(f.Limit)
	page, err = sqldb.Collect(ctx, q, func(row sqldb.Scanner) (e Entry, err error) {
		err = row.Scan(&e.ID, &e.JournalID, &e.PaymentID, &e.OrderID, &e.Operation, &e.Account, &e.Amount, &e.Currency, sqldb.Instant(&e.OccurredAt))
		return e, err
	}, query, where.Args()...)
	if err != nil {
		return nil, 0, fmt.Errorf("list ledger entries: %w", err)
	}
	return page, total, nil
}
