package order

import (
	"fmt"
	"time"
	"unicode/utf8"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// MaxNotes bounds the customer's notes, in characters.
const MaxNotes = 1000

// Changes are new values of what may change after the order was placed; nil leaves a field as it is.
type Changes struct {
	Notes           *string // replaces the customer's own; the reasons of status changes stay
	ShippingAddress *string
	BillingAddress  *string
}

// Update changes notes and addresses of an order that has not been shipped. What is so already is no change, and no
// change is no event.
func Update(o *Order, changes Changes, now time.Time) ([]Event, error) {
	if changes.Notes != nil && utf8.RuneCountInString(*changes.Notes) > MaxNotes {
		return nil, errs.Invalid(errs.Field{
			Name: "order.notes", Rule: "string.max_len", Description: fmt.Sprintf("must be at most %d characters", MaxNotes),
		})
	}
	if !o.Status.BeforeShipping() {
		return nil, errs.New(errs.FailedPrecondition, "ORDER_NOT_UPDATABLE", "an order that is %s cannot be changed any more", o.Status).
			With("order_id", o.ID).With("status", string(o.Status))
	}
	notes := orElse(changes.Notes, o.Notes)
	shipping := orElse(changes.ShippingAddress, o.ShippingAddress)
	billing := orElse(changes.BillingAddress, o.BillingAddress)
	if notes == o.Notes && shipping == o.ShippingAddress && billing == o.BillingAddress {
		return nil, nil
	}
	return []Event{&orderv1.OrderUpdated{
		OrderID: o.ID, ShippingAddress: optional(shipping), BillingAddress: optional(billing), Notes: optional(notes), OccurredAt: now,
	}}, nil
}

func orElse(value *string, otherwise string) string {
	if value == nil {
		return otherwise
	}
	return *value
}
