// Package notifier is the notifier's domain: which facts call for a message, to whom, and what became of it.
package notifier

import (
	"time"

	"orderflow.example/schemas/orderv1"
)

// Fact is an event that calls for a notification, with all that its message says.
type Fact struct {
	ID          string    `json:"id"`   // ce_id of the event
	Type        string    `json:"type"` // ce_type of the event
	OrderID     string    `json:"order_id"`
	OrderNumber string    `json:"order_number"`
	UserID      string    `json:"user_id"`
	Name        string    `json:"name,omitempty"`  // personal data
	Email       string    `json:"email,omitempty"` // personal data
	Amount      int64     `json:"amount"`          // minor units
	Currency    string    `json:"currency"`
	Reason      string    `json:"reason,omitempty"`
	OccurredAt  time.Time `json:"occurred_at"`
	TraceParent string    `json:"trace_parent,omitempty"` // W3C; the notification's own event carries it on
}

// FactOf reads the fact out of an order event; false for an event that calls for no message.
func FactOf(id string, event any) (Fact, bool) {
	switch e := event.(type) {
	case *orderv1.OrderConfirmed:
		return Fact{
			ID: id, Type: e.RecordName(), OrderID: e.OrderID, OrderNumber: e.OrderNumber, UserID: e.UserID,
			Name: text(e.CustomerName), Email: text(e.CustomerEmail), Amount: e.Total, Currency: e.Currency, OccurredAt: e.OccurredAt,
		}, true
	case *orderv1.OrderPaid:
		return Fact{
			ID: id, Type: e.RecordName(), OrderID: e.OrderID, OrderNumber: e.OrderNumber, UserID: e.UserID,
			Name: text(e.CustomerName), Email: text(e.CustomerEmail), Amount: e.Total, Currency: e.Currency, OccurredAt: e.OccurredAt,
		}, true
	case *orderv1.OrderCancelled:
		return Fact{
			ID: id, Type: e.RecordName(), OrderID: e.OrderID, OrderNumber: e.OrderNumber, UserID: e.UserID,
			Name: text(e.CustomerName), Email: text(e.CustomerEmail), Amount: e.Total, Currency: e.Currency, Reason: e.Reason, OccurredAt: e.OccurredAt,
		}, true
	case *orderv1.OrderRefunded:
		return Fact{
			ID: id, Type: e.RecordName(), OrderID: e.OrderID, OrderNumber: e.OrderNumber, UserID: e.UserID,
			Name: text(e.CustomerName), Email: text(e.CustomerEmail), Amount: e.Total, Currency: e.Currency, OccurredAt: e.OccurredAt,
		}, true
	}
	return Fact{}, false
}

// FactTypes are the ce_types that call for a notification.
func FactTypes() []string {
	return []string{
		(*orderv1.OrderConfirmed)(nil).RecordName(),
		(*orderv1.OrderPaid)(nil).RecordName(),
		(*orderv1.OrderCancelled)(nil).RecordName(),
		(*orderv1.OrderRefunded)(nil).RecordName(),
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
