package order

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"orderflow.example/kit/errs"
	"orderflow.example/schemas/orderv1"
)

// MaxNotes bounds the customer's notes, in characters.
const MaxNotes = 1000

// MaxChangeable is the number of own events from which on an order's notes and addresses stay as they are. Its timeline and every watch of it
// tell all events, so a customer must not add to them without end. The saga needs fewer than ten until shipping: some ninety changes are left.
const MaxChangeable = 100

// Changes are new values of what may change after the order was placed; nil leaves a field as it is.
type Changes struct {
	Notes           *string // replaces the customer's own; the reasons of status changes stay
	ShippingAddress *string
	BillingAddress  *string
}

// Update changes notes and addresses of an order that has not been shipped. What is so already is no change, and no
// change is no event. An order that has had MaxChangeable events is changed no more.
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
	if o.Version >= MaxChangeable {
		return nil, errs.New(errs.FailedPrecondition, "TOO_MANY_CHANGES", "the order has been changed too often: an order with %d events cannot be changed any more", MaxChangeable).
			With("order_id", o.ID).With("max_events", strconv.Itoa(MaxChangeable))
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
