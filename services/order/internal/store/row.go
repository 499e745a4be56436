package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"orderflow.example/kit/sqldb"
	"orderflow.example/order/internal/order"
)

// columns are those of the orders table, in the order of values and scan.
var columns = []string{
	"id", "version", "number", "user_id", "customer_name", "customer_email", "status", "payment_status",
	"items", "total", "currency", "payment_token", "shipping_address", "billing_address", "notes", "own_notes", "metadata",
	"payment_id", "transaction_id", "cancel_cause", "cancel_reason", "carrier", "tracking_number",
	"refunded_total", "refunds", "step", "step_since",
	"created_at", "updated_at", "confirmed_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at", "refunded_at",
}

// immutable are the columns that placing the order settles.
var immutable = map[string]bool{
	"id": true, "number": true, "user_id": true, "customer_name": true, "customer_email": true, "items": true, "total": true,
	"currency": true, "metadata": true, "created_at": true,
}

var (
	columnList  = strings.Join(columns, ", ")
	insertOrder = "INSERT INTO orders (" + columnList + ") VALUES "
	updateOrder = " ON CONFLICT (id) DO UPDATE SET " + strings.Join(assignments(), ", ")
)

func assignments() []string {
	var out []string
	for _, c := range columns {
		if !immutable[c] {
			out = append(out, c+" = excluded."+c)
		}
	}
	return out
}

// itemRow and refundRow are how lines and refunds stand in their JSON columns.
type itemRow struct {
	ProductID string `json:"product_id"`
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	UnitPrice int64  `json:"unit_price"`
	Quantity  int32  `json:"quantity"`
}

type refundRow struct {
	ID          string `json:"id"`
	Amount      int64  `json:"amount"`
	Status      string `json:"status"`
	Reason      string `json:"reason"`
	RequestedAt int64  `json:"requested_at"` // microseconds
	SettledAt   int64  `json:"settled_at"`   // microseconds, 0: not yet
}

func values(o *order.Order) ([]any, error) {
	items, err := itemsText(o.Items)
	if err != nil {
		return nil, fmt.Errorf("items of order %s: %w", o.ID, err)
	}
	refunds, err := refundsText(o.Refunds)
	if err != nil {
		return nil, fmt.Errorf("refunds of order %s: %w", o.ID, err)
	}
	return []any{
		o.ID, o.Version, o.Number, o.UserID, o.CustomerName, o.CustomerEmail, string(o.Status), string(o.PaymentStatus),
		items, o.Total, o.Currency, o.PaymentToken, o.ShippingAddress, o.BillingAddress, o.AllNotes(), len(o.Notes), o.Metadata,
		o.PaymentID, o.TransactionID, o.CancelCause, o.CancelReason, o.Carrier, o.TrackingNumber,
		o.RefundedTotal, refunds, string(o.Step), sqldb.Micros(o.StepSince),
		sqldb.Micros(o.CreatedAt), sqldb.Micros(o.UpdatedAt), sqldb.Micros(o.ConfirmedAt), sqldb.Micros(o.PaidAt),
		sqldb.Micros(o.ShippedAt), sqldb.Micros(o.DeliveredAt), sqldb.Micros(o.CancelledAt), sqldb.Micros(o.RefundedAt),
	}, nil
}

func scan(row sqldb.Scanner) (*order.Order, error) {
	var o order.Order
	var items, refunds, notes string
	var ownNotes int
	err := row.Scan(
		&o.ID, &o.Version, &o.Number, &o.UserID, &o.CustomerName, &o.CustomerEmail, &o.Status, &o.PaymentStatus,
		&items, &o.Total, &o.Currency, &o.PaymentToken, &o.ShippingAddress, &o.BillingAddress, &notes, &ownNotes, &o.Metadata,
		&o.PaymentID, &o.TransactionID, &o.CancelCause, &o.CancelReason, &o.Carrier, &o.TrackingNumber,
		&o.RefundedTotal, &refunds, &o.Step, sqldb.Instant(&o.StepSince),
		sqldb.Instant(&o.CreatedAt), sqldb.Instant(&o.UpdatedAt), sqldb.Instant(&o.ConfirmedAt), sqldb.Instant(&o.PaidAt),
		sqldb.Instant(&o.ShippedAt), sqldb.Instant(&o.DeliveredAt), sqldb.Instant(&o.CancelledAt), sqldb.Instant(&o.RefundedAt),
	)
	if err != nil {
		return nil, err
	}
	o.Notes, o.Reasons = order.SplitNotes(notes, ownNotes)
	if o.Items, err = itemsOf(items); err != nil {
		return nil, fmt.Errorf("items of order %s: %w", o.ID, err)
	}
	if o.Refunds, err = refundsOf(refunds); err != nil {
		return nil, fmt.Errorf("refunds of order %s: %w", o.ID, err)
	}
	return &o, nil
}

func itemsText(items []order.Item) (string, error) {
	rows := make([]itemRow, len(items))
	for i, item := range items {
		rows[i] = itemRow(item)
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

func itemsOf(text string) ([]order.Item, error) {
	var rows []itemRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	items := make([]order.Item, len(rows))
	for i, row := range rows {
		items[i] = order.Item(row)
	}
	return items, nil
}

func refundsText(refunds []order.Refund) (string, error) {
	if len(refunds) == 0 {
		return "", nil
	}
	rows := make([]refundRow, len(refunds))
	for i, r := range refunds {
		rows[i] = refundRow{
			ID: r.ID, Amount: r.Amount, Status: string(r.Status), Reason: r.Reason,
			RequestedAt: sqldb.Micros(r.RequestedAt), SettledAt: sqldb.Micros(r.SettledAt),
		}
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

func refundsOf(text string) ([]order.Refund, error) {
	if text == "" {
		return nil, nil
	}
	var rows []refundRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	refunds := make([]order.Refund, len(rows))
	for i, r := range rows {
		refunds[i] = order.Refund{
			ID: r.ID, Amount: r.Amount, Status: order.RefundStatus(r.Status), Reason: r.Reason,
			RequestedAt: sqldb.Time(r.RequestedAt), SettledAt: sqldb.Time(r.SettledAt),
		}
	}
	return refunds, nil
}
