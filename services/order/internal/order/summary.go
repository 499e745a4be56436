package order

import (
	"fmt"
	"strings"

	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/orderv1"
	"orderflow.example/schemas/paymentv1"
)

// Summary says in a few words what an event of an order's life is about, for its timeline. It holds no personal data
// beyond what the order shows anyway.
func Summary(event Event) string {
	switch e := event.(type) {
	case *orderv1.OrderPlaced:
		return fmt.Sprintf("Placed: %s, %s", count(len(e.Items), "line"), money(e.Total, e.Currency))
	case *orderv1.PaymentRequested:
		return "Payment asked for: " + money(e.Amount, e.Currency)
	case *orderv1.OrderConfirmed:
		return "Confirmed"
	case *orderv1.PaymentCaptureRequested:
		return "Capture asked for: " + money(e.Amount, e.Currency)
	case *orderv1.OrderPaid:
		return "Paid: " + money(e.Total, e.Currency)
	case *orderv1.OrderCancelled:
		return because("Cancelled", e.Reason)
	case *orderv1.OrderPaymentStatusChanged:
		return "Payment is " + e.PaymentStatus
	case *orderv1.OrderUpdated:
		return "Notes or addresses changed"
	case *orderv1.OrderProcessing:
		return because("Being packed", text(e.Reason))
	case *orderv1.OrderShipped:
		return because("Shipped", strings.TrimSpace(text(e.Carrier)+" "+text(e.TrackingNumber)))
	case *orderv1.OrderDelivered:
		return because("Delivered", text(e.Reason))
	case *orderv1.RefundRequested:
		return because("Refund asked for: "+money(e.Amount, e.Currency), e.Reason)
	case *orderv1.RefundCompleted:
		return "Refund paid: " + money(e.Amount, e.Currency)
	case *orderv1.RefundFailed:
		return because("Refund failed", e.Reason)
	case *orderv1.OrderRefunded:
		return "The whole amount was refunded: " + money(e.Total, e.Currency)
	case *inventoryv1.StockReserved:
		return "Stock reserved until " + e.ExpiresAt.UTC().Format("15:04:05")
	case *inventoryv1.StockRejected:
		return because("Stock not to be had", e.Reason)
	case *inventoryv1.ReservationExpired:
		return "Reservation expired"
	case *inventoryv1.StockCommitted:
		return "Stock committed"
	case *inventoryv1.StockCommitFailed:
		return because("Stock could not be committed", e.Reason)
	case *inventoryv1.StockReleased:
		return because("Reservation released", pieces(e.Items))
	case *inventoryv1.StockReturned:
		return because("Stock returned", pieces(e.Items))
	case *paymentv1.PaymentAuthorized:
		return "Payment authorised: " + money(e.Amount, e.Currency)
	case *paymentv1.PaymentDeclined:
		return because("Payment declined", e.Reason)
	case *paymentv1.PaymentCaptured:
		return "Payment captured: " + money(e.Amount, e.Currency)
	case *paymentv1.PaymentCaptureFailed:
		return because("Capture failed", e.Reason)
	case *paymentv1.PaymentVoided:
		return "Authorisation voided: " + money(e.Amount, e.Currency)
	case *paymentv1.PaymentRefunded:
		return "Paid back: " + money(e.Amount, e.Currency)
	case *paymentv1.PaymentRefundFailed:
		return because("Paying back failed", e.Reason)
	}
	name := event.RecordName()
	return name[strings.LastIndexByte(name, '.')+1:]
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func money(amount int64, currency string) string { return fmt.Sprintf("%d %s", amount, currency) }

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func pieces(items []inventoryv1.StockLine) string {
	n := 0
	for _, item := range items {
		n += int(item.Quantity)
	}
	return count(n, "piece")
}
