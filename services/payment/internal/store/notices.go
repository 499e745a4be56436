package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
)

// Notice is a notice as it was received, and where it stands.
type Notice struct {
	Provider string
	EventID  string // the provider's: one row for each
	Type     string // the provider's name of it
	payment.Notice
	payment.Verdict
	ReceivedAt time.Time
	JudgedAt   time.Time // zero: still Open
}

const (
	noticeList    = "provider, event_id, type, order_id, payment_id, reference, kind, succeeded, amount, currency, refund_id, standing, reason, received_at, judged_at"
	insertNotice  = "INSERT INTO notices (" + noticeList + ") VALUES "
	noticeColumns = 15
)

func noticeValues(n *Notice) []any {
	return []any{
		n.Provider, n.EventID, n.Type, n.OrderID, n.PaymentID, n.Reference, string(n.Kind), n.Succeeded, n.Amount, n.Currency, n.RefundID,
		string(n.Standing), n.Reason, sqldb.Micros(n.ReceivedAt), sqldb.Micros(n.JudgedAt),
	}
}

func scanNotice(row sqldb.Scanner) (*Notice, error) {
	n := &Notice{}
	err := row.Scan(
		&n.Provider, &n.EventID, &n.Type, &n.OrderID, &n.PaymentID, &n.Reference, &n.Kind, &n.Succeeded, &n.Amount, &n.Currency, &n.RefundID,
		&n.Standing, &n.Reason, sqldb.Instant(&n.ReceivedAt), sqldb.Instant(&n.JudgedAt),
	)
	return n, err
}

// Judge holds the notice against the payment, which is nil when there is none.
func (n *Notice) Judge(p *payment.Payment, now time.Time) {
	n.Verdict = payment.Judge(p, n.Notice)
	if n.Standing != payment.Open {
		n.JudgedAt = now
	}
}

// AddNotice keeps a notice; false when its event was received before: then nothing is changed.
func AddNotice(ctx context.Context, tx *sqldb.Tx, n *Notice) (added bool, err error) {
	rows, err := sqldb.ExecRows(ctx, tx, insertNotice, noticeColumns, " ON CONFLICT (event_id, provider) DO NOTHING", noticeValues(n))
	if err != nil {
		return false, fmt.Errorf("keep a notice: %w", err)
	}
	return rows > 0, nil
}

// GetNotice reads a notice; nil when there is none.
func GetNotice(ctx context.Context, q sqldb.Querier, provider, eventID string) (*Notice, error) {
	n, err := scanNotice(q.QueryRowContext(ctx, "SELECT "+noticeList+" FROM notices WHERE event_id = $1 AND provider = $2", eventID, provider))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read notice %s: %w", eventID, err)
	}
	return n, nil
}

// SaveVerdict stores where a notice stands now.
func SaveVerdict(ctx context.Context, tx *sqldb.Tx, n *Notice) error {
	_, err := tx.ExecContext(ctx, "UPDATE notices SET standing = $1, reason = $2, judged_at = $3 WHERE event_id = $4 AND provider = $5",
		string(n.Standing), n.Reason, sqldb.Micros(n.JudgedAt), n.EventID, n.Provider)
	if err != nil {
		return fmt.Errorf("save the verdict on a notice: %w", err)
	}
	return nil
}

// DismissNotice notes that a person has seen to a contradiction.
func DismissNotice(ctx context.Context, db *sqldb.DB, provider, eventID string) error {
	return db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE notices SET standing = $1 WHERE event_id = $2 AND provider = $3 AND standing = $4",
			string(payment.Dismissed), eventID, provider, string(payment.Contradicts))
		if err != nil {
			return fmt.Errorf("dismiss notice %s: %w", eventID, err)
		}
		rows, err := result.RowsAffected()
		if err == nil && rows == 0 {
			err = fmt.Errorf("no notice %s of %s contradicts", eventID, provider)
		}
		return err
	})
}

// ListNotices reads notices of a standing, the newest first; an empty standing is any.
func ListNotices(ctx context.Context, q sqldb.Querier, standing payment.Standing, orderID string, limit int) ([]*Notice, error) {
	where := &sqldb.Where{}
	if standing != "" {
		where.Add("standing = ?", string(standing))
	}
	if orderID != "" {
		where.Add("order_id = ?", orderID)
	}
	query := "SELECT " + noticeList + " FROM notices" + where.String() + " ORDER BY received_at DESC, provider DESC, event_id DESC LIMIT " + where.Arg(limit)
	found, err := sqldb.Collect(ctx, q, scanNotice, query, where.Args()...)
	if err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return found, nil
}

// NoticesKept is for how long a notice that agrees is kept. A replay that is older fails by its timestamp long before.
const NoticesKept = 30 * 24 * time.Hour

// PurgeNotices forgets notices that agree and were received before the instant, and tells how many. What contradicts stays.
func PurgeNotices(ctx context.Context, db *sqldb.DB, before time.Time) (purged int, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM notices WHERE standing = $1 AND received_at < $2", string(payment.Agrees), sqldb.Micros(before))
		if err != nil {
			return fmt.Errorf("forget notices: %w", err)
		}
		rows, err := result.RowsAffected()
		purged = int(rows)
		return err
	})
	return purged, err
}
