package payment

import "orderflow.example/schemas/paymentv1"

// Account is where money is booked.
type Account string

// The accounts of an order's money. A debit is above 0, a credit below.
const (
	Customer Account = "customer" // the customer's own funds
	Holds    Account = "holds"    // authorised at the provider, not yet captured
	Merchant Account = "merchant" // captured: ours
)

// Entry is one line of the ledger.
type Entry struct {
	Account Account
	Amount  int64 // minor units
}

// Journal is the double entry of one fact: its entries add up to 0.
type Journal struct {
	Operation string // AUTHORIZATION, CAPTURE, VOID or REFUND
	Currency  string
	Entries   []Entry
}

// Book is the journal of an event that is about to be applied to the payment; false when it moves no money.
//
//	AUTHORIZATION  customer -> holds
//	CAPTURE        holds -> merchant, and what is not captured back to the customer
//	VOID           holds -> customer
//	REFUND         merchant -> customer
func Book(p *Payment, event Event) (Journal, bool) {
	var j Journal
	switch e := event.(type) {
	case *paymentv1.PaymentAuthorized:
		j = Journal{"AUTHORIZATION", e.Currency, move(Customer, Holds, e.Amount)}
	case *paymentv1.PaymentCaptured:
		j = Journal{"CAPTURE", e.Currency, move(Holds, Merchant, e.Amount)}
		if left := p.Held() - e.Amount; left > 0 {
			j.Entries[0].Amount -= left
			j.Entries = append(j.Entries, Entry{Customer, left})
		}
	case *paymentv1.PaymentVoided:
		j = Journal{"VOID", e.Currency, move(Holds, Customer, e.Amount)}
	case *paymentv1.PaymentRefunded:
		j = Journal{"REFUND", e.Currency, move(Merchant, Customer, e.Amount)}
	}
	return j, len(j.Entries) > 0
}

func move(from, to Account, amount int64) []Entry {
	if amount == 0 {
		return nil
	}
	return []Entry{{from, -amount}, {to, amount}}
}
