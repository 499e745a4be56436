package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow.example/kit/check"
	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
)

// microsADay are the microseconds of a day of UTC.
const microsADay = 24 * 60 * 60 * 1_000_000

// Day counts the days of UTC since 1970-01-01.
type Day int64

// DayOf is the day of an instant, since 1970 or a midnight.
func DayOf(t time.Time) Day { return Day(t.UnixMicro() / microsADay) }

// Start is the day's first instant.
func (d Day) Start() time.Time { return time.UnixMicro(int64(d) * microsADay).UTC() }

// summaryKey is the key of a row of order_summary.
type summaryKey struct {
	user, currency string
	day            Day
}

func (k summaryKey) compare(other summaryKey) int {
	return cmp.Or(strings.Compare(k.user, other.user), strings.Compare(k.currency, other.currency), cmp.Compare(k.day, other.day))
}

const (
	summaryColumns = 10
	insertSummary  = `INSERT INTO order_summary
		(user_id, currency, day, pending, active, completed, cancelled, refunded, paid_total, revenue) VALUES `
	addToSummary = ` ON CONFLICT (user_id, currency, day) DO UPDATE SET
		pending = order_summary.pending + excluded.pending, active = order_summary.active + excluded.active,
		completed = order_summary.completed + excluded.completed, cancelled = order_summary.cancelled + excluded.cancelled,
		refunded = order_summary.refunded + excluded.refunded,
		paid_total = order_summary.paid_total + excluded.paid_total, revenue = order_summary.revenue + excluded.revenue`

	// countedOrders is what order_summary must hold.
	countedOrders = `SELECT user_id, currency, created_at / 86400000000 AS day,
		SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED') THEN 1 ELSE 0 END) AS pending,
		SUM(CASE WHEN status IN ('PAID', 'PROCESSING', 'SHIPPED') THEN 1 ELSE 0 END) AS active,
		SUM(CASE WHEN status = 'DELIVERED' THEN 1 ELSE 0 END) AS completed,
		SUM(CASE WHEN status = 'CANCELLED' THEN 1 ELSE 0 END) AS cancelled,
		SUM(CASE WHEN status = 'REFUNDED' THEN 1 ELSE 0 END) AS refunded,
		SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED', 'CANCELLED') THEN 0 ELSE total END) AS paid_total,
		SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED', 'CANCELLED') THEN 0 ELSE total - refunded_total END) AS revenue
		FROM orders GROUP BY user_id, currency, created_at / 86400000000`
	summaryRows = `SELECT user_id, currency, day, pending, active, completed, cancelled, refunded, paid_total, revenue FROM order_summary`
)

// saveSummary adds differences to the summary, in the order of the rows' keys, so that units of work that meet wait for
// one another and never in a circle.
func saveSummary(ctx context.Context, tx *sqldb.Tx, differences map[summaryKey]order.Figures) error {
	keys := make([]summaryKey, 0, len(differences))
	for key, f := range differences {
		if f != (order.Figures{}) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, summaryKey.compare)
	args := make([]any, 0, len(keys)*summaryColumns)
	for _, key := range keys {
		f := differences[key]
		args = append(args, key.user, key.currency, int64(key.day),
			f.Pending, f.Active, f.Completed, f.Cancelled, f.Refunded, f.PaidTotal, f.Revenue)
	}
	_, err := sqldb.ExecRows(ctx, tx, insertSummary, summaryColumns, addToSummary, args)
	return err
}

// SummaryFilter says which orders to sum up. Nil days set no bound.
type SummaryFilter struct {
	Owner    string // whose orders; AnyOwner: all
	Currency string
	From, To *Day // both inclusive
}

// DayFigures are the figures of the orders that were placed on a day.
type DayFigures struct {
	Day
	order.Figures
}

// Summary reads the figures of each day that has orders, the newest first.
func Summary(ctx context.Context, q sqldb.Querier, f SummaryFilter) ([]DayFigures, error) {
	where := &sqldb.Where{}
	where.Add("currency = ?", f.Currency)
	if f.Owner != AnyOwner {
		where.Add("user_id = ?", f.Owner)
	}
	if f.From != nil {
		where.Add("day >= ?", int64(*f.From))
	}
	if f.To != nil {
		where.Add("day <= ?", int64(*f.To))
	}
	days, err := sqldb.Collect(ctx, q, func(row sqldb.Scanner) (d DayFigures, err error) {
		err = row.Scan(&d.Day, &d.Pending, &d.Active, &d.Completed, &d.Cancelled, &d.Refunded, &d.PaidTotal, &d.Revenue)
		return d, err
	}, `SELECT day, CAST(SUM(pending) AS BIGINT), CAST(SUM(active) AS BIGINT), CAST(SUM(completed) AS BIGINT), CAST(SUM(cancelled) AS BIGINT),
		CAST(SUM(refunded) AS BIGINT), CAST(SUM(paid_total) AS BIGINT), CAST(SUM(revenue) AS BIGINT)
		FROM order_summary`+where.String()+" GROUP BY day ORDER BY day DESC", where.Args()...)
	if err != nil {
		return nil, fmt.Errorf("read the summary of orders: %w", err)
	}
	return days, nil
}

// RebuildSummary fills the summary anew from the orders' rows and returns how many rows it has. Changes of orders that are under way wait for it.
func RebuildSummary(ctx context.Context, tx *sqldb.Tx) (int64, error) {
	if tx.Flavor() == sqldb.Postgres {
		// The order of a unit of work that has not come to the summary yet is not counted below: it adds itself later.
		if _, err := tx.ExecContext(ctx, "LOCK TABLE order_summary IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return 0, fmt.Errorf("lock the summary of orders: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM order_summary"); err != nil {
		return 0, fmt.Errorf("empty the summary of orders: %w", err)
	}
	filled, err := tx.ExecContext(ctx, "INSERT INTO order_summary "+countedOrders)
	if err != nil {
		return 0, fmt.Errorf("fill the summary of orders: %w", err)
	}
	return filled.RowsAffected()
}

// SummaryAgrees checks that the summary equals the orders' rows.
func SummaryAgrees(ctx context.Context, q sqldb.Querier) (check.Result, error) {
	var result check.Result
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM order_summary").Scan(&result.Count); err != nil {
		return result, fmt.Errorf("count the summary of orders: %w", err)
	}
	var err error
	result.Violations, err = sqldb.Collect(ctx, q, func(row sqldb.Scanner) (string, error) {
		var key summaryKey
		err := row.Scan(&key.user, &key.currency, &key.day)
		return fmt.Sprintf("the summary of customer %s in %s on %s is not that of their orders",
			key.user, key.currency, key.day.Start().Format(time.DateOnly)), err
	}, `WITH counted AS (`+countedOrders+`), kept AS (`+summaryRows+`)
		SELECT user_id, currency, day FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS missing
		UNION SELECT user_id, currency, day FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) AS surplus
		ORDER BY user_id, currency, day LIMIT 100`)
	if err != nil {
		return result, fmt.Errorf("compare the summary of orders: %w", err)
	}
	return result, nil
}
