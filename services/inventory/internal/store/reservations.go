package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow.example/inventory/internal/inventory"
	"orderflow.example/kit/sqldb"
	"orderflow.example/schemas/inventoryv1"
)

const (
	selectReservations = "SELECT order_id, status, expires_at, sequence, created_at, updated_at FROM reservations "

	insertReservation  = "INSERT INTO reservations (order_id, status, expires_at, sequence, created_at, updated_at) VALUES "
	updateReservation  = " ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, expires_at = excluded.expires_at, sequence = excluded.sequence, updated_at = excluded.updated_at"
	reservationColumns = 6

	insertLine  = "INSERT INTO reservation_lines (order_id, product_id, quantity) VALUES "
	lineColumns = 3
)

// ReservationFilter says which reservations to list. What is empty filters nothing.
type ReservationFilter struct {
	OrderID   string
	ProductID string             // among its lines
	Statuses  []inventory.Status // any of these
	Before    string             // order id of the last reservation of the page before
	Limit     int
}

// ListReservations reads a page of reservations, newest order first, and how many pass the filter on all pages. Order
// ids begin with their time, so their order is that of the orders.
func ListReservations(ctx context.Context, q sqldb.Querier, f ReservationFilter) (page []*inventory.Reservation, total int64, err error) {
	where := f.where()
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM reservations"+where.String(), where.Args()...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count reservations: %w", err)
	}
	page, err = ReservationPage(ctx, q, f)
	return page, total, err
}

// ReservationPage reads a page alone.
func ReservationPage(ctx context.Context, q sqldb.Querier, f ReservationFilter) ([]*inventory.Reservation, error) {
	where := f.where()
	if f.Before != "" {
		where.Add("order_id < ?", f.Before)
	}
	query := selectReservations + where.String() + " ORDER BY order_id DESC LIMIT " + where.Arg(f.Limit)
	page, err := sqldb.Collect(ctx, q, scanReservation, query, where.Args()...)
	if err != nil {
		return nil, fmt.Errorf("list reservations: %w", err)
	}
	return page, readLines(ctx, q, page)
}

func (f ReservationFilter) where() *sqldb.Where {
	where := &sqldb.Where{}
	if f.OrderID != "" {
		where.Add("order_id = ?", f.OrderID)
	}
	if f.ProductID != "" {
		where.Add("order_id IN (SELECT order_id FROM reservation_lines WHERE product_id = ?)", f.ProductID)
	}
	if len(f.Statuses) > 0 {
		marks := make([]string, len(f.Statuses))
		for i, s := range f.Statuses {
			marks[i] = where.Arg(string(s))
		}
		where.Add("status IN (" + strings.Join(marks, ", ") + ")")
	}
	return where
}

// due reads the first holds whose time is over, and locks them; what another transaction has locked is left to it.
func due(ctx context.Context, tx *sqldb.Tx, before time.Time, limit int) ([]*inventory.Reservation, error) {
	return sqldb.Collect(ctx, tx, scanReservation,
		selectReservations+"WHERE status = 'HELD' AND expires_at <= $1 ORDER BY expires_at, order_id LIMIT $2"+tx.SkipLocked(), sqldb.Micros(before), limit)
}

// readLines fills the lines of reservations in.
func readLines(ctx context.Context, q sqldb.Querier, reservations []*inventory.Reservation) error {
	byOrder := make(map[string]*inventory.Reservation, len(reservations))
	ids := make([]string, 0, len(reservations))
	for _, r := range reservations {
		byOrder[r.OrderID] = r
		ids = append(ids, r.OrderID)
	}
	type line struct {
		order string
		inventoryv1.StockLine
	}
	lines, err := sqldb.CollectIn(ctx, q, func(row sqldb.Scanner) (l line, err error) {
		err = row.Scan(&l.order, &l.ProductID, &l.Quantity)
		return l, err
	}, "SELECT order_id, product_id, quantity FROM reservation_lines WHERE order_id", ids, "")
	if err != nil {
		return err
	}
	for _, l := range lines {
		r := byOrder[l.order]
		r.Lines = append(r.Lines, l.StockLine)
	}
	for _, r := range reservations { // the database's collation may differ from the order of the events' lines
		slices.SortFunc(r.Lines, func(a, b inventoryv1.StockLine) int { return cmp.Compare(a.ProductID, b.ProductID) })
	}
	return nil
}

func scanReservation(row sqldb.Scanner) (*inventory.Reservation, error) {
	var r inventory.Reservation
	err := row.Scan(&r.OrderID, &r.Status, sqldb.Instant(&r.ExpiresAt), &r.Sequence, sqldb.Instant(&r.CreatedAt), sqldb.Instant(&r.UpdatedAt))
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func reservationRow(r *inventory.Reservation) []any {
	return []any{r.OrderID, string(r.Status), sqldb.Micros(r.ExpiresAt), r.Sequence, sqldb.Micros(r.CreatedAt), sqldb.Micros(r.UpdatedAt)}
}
