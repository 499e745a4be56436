package store

import (
	"context"
	"fmt"

	"orderflow.example/kit/check"
	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// Checks are the payment service's own invariants. They hold once the service is at rest.
func Checks(decode outbox.Decode) []check.Check {
	return []check.Check{
		{Name: "payments equal the fold of their events", Run: func(ctx context.Context, q sqldb.Querier) (check.Result, error) {
			return Verify(ctx, q, decode)
		}},
		{Name: "every ledger journal adds up to 0", Run: journalsBalance},
		{Name: "the ledger holds what the payments say", Run: ledgerAgrees},
		{Name: "every payment is where it is wanted", Run: allSettled},
		{Name: "no webhook contradicts a payment", Run: noContradiction},
	}
}

func journalsBalance(ctx context.Context, q sqldb.Querier) (result check.Result, err error) {
	if err := q.QueryRowContext(ctx, "SELECT COUNT(DISTINCT journal_id) FROM ledger").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count journals: %w", err)
	}
	result.Violations, err = violations(ctx, q, `SELECT 'journal ' || journal_id || ' of order ' || MIN(order_id) || ' adds up to ' || SUM(amount) || ' ' || currency
		FROM ledger GROUP BY journal_id, currency HAVING SUM(amount) <> 0 ORDER BY journal_id LIMIT 100`)
	return result, err
}

// ledgerAgrees compares, per order, each account's balance with the payment's amounts.
func ledgerAgrees(ctx context.Context, q sqldb.Querier) (result check.Result, err error) {
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM payments").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count payments: %w", err)
	}
	balances := fmt.Sprintf(`SELECT order_id,
		SUM(CASE WHEN account = '%s' THEN amount ELSE 0 END) AS holds,
		SUM(CASE WHEN account = '%s' THEN amount ELSE 0 END) AS merchant,
		SUM(CASE WHEN account = '%s' THEN amount ELSE 0 END) AS customer
		FROM ledger GROUP BY order_id`, payment.Holds, payment.Merchant, payment.Customer)
	result.Violations, err = violations(ctx, q, `SELECT 'order ' || p.order_id || ': the ledger has ' || COALESCE(l.holds, 0) || ' held and ' || COALESCE(l.merchant, 0) ||
		' kept, the payment ' || (p.authorized - p.captured - p.voided) || ' and ' || (p.captured - p.refunded)
		FROM payments p LEFT JOIN (`+balances+`) l ON l.order_id = p.order_id
		WHERE COALESCE(l.holds, 0) <> p.authorized - p.captured - p.voided
		   OR COALESCE(l.merchant, 0) <> p.captured - p.refunded
		   OR COALESCE(l.customer, 0) <> p.voided + p.refunded - p.authorized
		ORDER BY p.order_id LIMIT 100`)
	if err != nil {
		return result, err
	}
	orphans, err := violations(ctx, q, `SELECT DISTINCT 'order ' || order_id || ' is in the ledger and has no payment' FROM ledger
		WHERE NOT EXISTS (SELECT 1 FROM payments WHERE payments.order_id = ledger.order_id) LIMIT 100`)
	result.Violations = append(result.Violations, orphans...)
	return result, err
}

func allSettled(ctx context.Context, q sqldb.Querier) (result check.Result, err error) {
	err = each(ctx, q, func(p *payment.Payment) {
		result.Count++
		if !p.Settled() {
			result.Unfinished(p.OrderID, unsettled(p))
		}
	})
	return result, err
}

func unsettled(p *payment.Payment) string {
	words := fmt.Sprintf("order %s: the payment is %s and wanted %s", p.OrderID, p.Status, p.Desired)
	if op, more := p.Next(); more {
		words += fmt.Sprintf(", %s after %d tries", op.Kind, p.Tries)
	}
	if p.Desired == payment.Voided && p.Kept() > 0 {
		words += fmt.Sprintf(", %d %s are kept", p.Kept(), p.Currency)
	}
	if p.BlockedCode != "" {
		words += ", blocked by " + p.BlockedCode
	}
	return words
}

func noContradiction(ctx context.Context, q sqldb.Querier) (result check.Result, err error) {
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM notices").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count notices: %w", err)
	}
	result.Violations, err = violations(ctx, q, fmt.Sprintf(`SELECT 'order ' || order_id || ': event ' || event_id || ' of ' || provider || ' says ' || type || ' of ' || amount || ' ' || currency || ': ' || reason
		FROM notices WHERE standing = '%s' ORDER BY received_at, event_id LIMIT 100`, payment.Contradicts))
	return result, err
}

func violations(ctx context.Context, q sqldb.Querier, query string) ([]string, error) {
	found, err := sqldb.Collect(ctx, q, sqldb.Column[string], query)
	if err != nil {
		return nil, fmt.Errorf("find violations: %w", err)
	}
	return found, nil
}
