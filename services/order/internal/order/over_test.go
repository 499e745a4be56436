package order

import (
	"testing"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

func TestOver(t *testing.T) {
	released, returned := (*inventoryv1.StockReleased)(nil).RecordName(), (*inventoryv1.StockReturned)(nil).RecordName()
	reserved, committed := (*inventoryv1.StockReserved)(nil).RecordName(), (*inventoryv1.StockCommitted)(nil).RecordName()
	expired, rejected := (*inventoryv1.ReservationExpired)(nil).RecordName(), (*inventoryv1.StockRejected)(nil).RecordName()
	voided, declined := (*paymentv1.PaymentVoided)(nil).RecordName(), (*paymentv1.PaymentDeclined)(nil).RecordName()
	captured, captureFailed := (*paymentv1.PaymentCaptured)(nil).RecordName(), (*paymentv1.PaymentCaptureFailed)(nil).RecordName()
	for _, tt := range []struct {
		status         Status
		step           Step
		stock, payment string
		want           bool
	}{
		{Pending, ReserveStock, "", "", false},
		{Paid, "", committed, captured, false},
		{Delivered, "", committed, captured, false}, // a refund may come
		{Refunded, "", committed, captured, true},
		{Refunded, PayRefund, committed, captured, false},
		{Cancelled, ReturnMoney, returned, captured, false},
		{Cancelled, "", returned, voided, true},
		{Cancelled, "", reserved, voided, false},
		{Cancelled, "", committed, voided, false},
		{Cancelled, "", expired, voided, false}, // closed by an empty StockReleased
		{Cancelled, "", "", voided, false},
		{Cancelled, "", released, "", false}, // nothing was asked of payment, which says so
		{Cancelled, "", rejected, voided, true},
		{Cancelled, "", released, declined, true},
		{Cancelled, "", returned, captureFailed, false}, // the authorisation is voided behind it
	} {
		if got := Over(&Order{Status: tt.status, Step: tt.step}, tt.stock, tt.payment); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
