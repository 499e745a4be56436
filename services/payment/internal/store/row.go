package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// columns are those of the payments table, in the order of values and scan.
var columns = []string{
	"order_id", "id", "user_id", "amount", "currency", "token",
	"version", "status", "authorized", "captured", "voided", "refunded", "provider", "provider_reference",
	"failure_code", "failure_reason", "authorized_at", "captured_at",
	"desired", "capture_amount", "asked_by", "trace_parent", "in_doubt", "tries", "blocked_code", "blocked_reason", "again", "reasking", "refunds", "created_at", "updated_at",
}

// immutable are the columns that the request settles.
var immutable = []string{"order_id", "id", "user_id", "amount", "currency", "created_at"}

var (
	columnList    = strings.Join(columns, ", ")
	insertPayment = "INSERT INTO payments (" + columnList + ") VALUES "
	updatePayment = " ON CONFLICT (order_id) DO UPDATE SET " + strings.Join(assignments(), ", ")
)

func assignments() []string {
	var out []string
	for _, c := range columns {
		if !slices.Contains(immutable, c) {
			out = append(out, c+" = excluded."+c)
		}
	}
	return out
}

func values(p *payment.Payment) []any {
	return []any{
		p.OrderID, p.ID, p.UserID, p.Amount, p.Currency, p.Token,
		p.Version, string(p.Status), p.Authorized, p.Captured, p.Voided, p.Refunded, p.Provider, p.ProviderReference,
		p.FailureCode, p.FailureReason, sqldb.Micros(p.AuthorizedAt), sqldb.Micros(p.CapturedAt),
		string(p.Desired), p.CaptureAmount, p.AskedBy, p.TraceParent, p.InDoubt, p.Tries, p.BlockedCode, p.BlockedReason, p.Again, p.Reasking, len(p.Refunds),
		sqldb.Micros(p.CreatedAt), sqldb.Micros(p.UpdatedAt),
	}
}

// loaded is a payment whose refunds, so many, are still to be read.
type loaded struct {
	*payment.Payment
	refunds int
}

func scan(row sqldb.Scanner) (loaded, error) {
	l := loaded{Payment: &payment.Payment{}}
	p := l.Payment
	err := row.Scan(
		&p.OrderID, &p.ID, &p.UserID, &p.Amount, &p.Currency, &p.Token,
		&p.Version, &p.Status, &p.Authorized, &p.Captured, &p.Voided, &p.Refunded, &p.Provider, &p.ProviderReference,
		&p.FailureCode, &p.FailureReason, sqldb.Instant(&p.AuthorizedAt), sqldb.Instant(&p.CapturedAt),
		&p.Desired, &p.CaptureAmount, &p.AskedBy, &p.TraceParent, &p.InDoubt, &p.Tries, &p.BlockedCode, &p.BlockedReason, &p.Again, &p.Reasking, &l.refunds,
		sqldb.Instant(&p.CreatedAt), sqldb.Instant(&p.UpdatedAt),
	)
	return l, err
}

const (
	insertRefund  = "INSERT INTO refunds (order_id, id, amount, status, failure_code, failure_reason, requested_at, settled_at) VALUES "
	updateRefund  = " ON CONFLICT (order_id, id) DO UPDATE SET status = excluded.status, failure_code = excluded.failure_code, failure_reason = excluded.failure_reason, settled_at = excluded.settled_at"
	refundColumns = 8
)

func refundValues(orderID string, r payment.Refund) []any {
	return []any{
		orderID, r.ID, r.Amount, string(r.Status), r.FailureCode, r.FailureReason, sqldb.Micros(r.RequestedAt), sqldb.Micros(r.SettledAt),
	}
}

// readRefunds fills in the refunds of those payments that have any; most have none and cost nothing.
func readRefunds(ctx context.Context, q sqldb.Querier, payments []loaded) error {
	byOrder := map[string]*payment.Payment{}
	var ids []string
	for _, l := range payments {
		if l.refunds > 0 {
			byOrder[l.OrderID] = l.Payment
			ids = append(ids, l.OrderID)
		}
	}
	type refund struct {
		order string
		payment.Refund
	}
	found, err := sqldb.CollectIn(ctx, q, func(row sqldb.Scanner) (r refund, err error) {
		err = row.Scan(&r.order, &r.ID, &r.Amount, &r.Status, &r.FailureCode, &r.FailureReason, sqldb.Instant(&r.RequestedAt), sqldb.Instant(&r.SettledAt))
		return r, err
	}, "SELECT order_id, id, amount, status, failure_code, failure_reason, requested_at, settled_at FROM refunds WHERE order_id",
		ids, " ORDER BY order_id, requested_at, id")
	if err != nil {
		return fmt.Errorf("read refunds: %w", err)
	}
	for _, r := range found {
		byOrder[r.order].Refunds = append(byOrder[r.order].Refunds, r.Refund)
	}
	return nil
}
