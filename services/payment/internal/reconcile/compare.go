package reconcile

import (
	"strconv"

	"orderflow.example/payment/internal/payment"
	"orderflow.example/payment/internal/provider"
	"orderflow.example/payment/internal/store"
)

// Difference is one thing that the provider's books and ours do not agree on. Amounts are minor units.
type Difference struct {
	Kind      string `json:"kind"` // missing_here, missing_there, in_doubt, status, currency, authorized, captured, voided, refunded, or ledger_… of these four
	OrderID   string `json:"orderId"`
	PaymentID string `json:"paymentId,omitempty"`
	Reference string `json:"reference"` // the provider's id
	Currency  string `json:"currency"`
	Ours      string `json:"ours"`
	Theirs    string `json:"theirs"`
}

// compare names what differs between a payment, what the ledger says of it, and what the provider says.
func compare(p *payment.Payment, booked store.Booked, s provider.Standing) []Difference {
	var found []Difference
	differs := func(kind, ours, theirs string) {
		if ours != theirs {
			found = append(found, Difference{kind, p.OrderID, p.ID, s.Reference, p.Currency, ours, theirs})
		}
	}
	amount := func(kind string, ours, theirs int64) { differs(kind, number(ours), number(theirs)) }
	status := p.Status
	if status == payment.CaptureFailed { // the provider holds it still
		status = payment.Authorized
	}
	differs("status", string(status), string(s.Status))
	differs("currency", p.Currency, s.Currency)
	amount("authorized", p.Authorized, s.Authorized)
	amount("captured", p.Captured, s.Captured)
	amount("voided", p.Voided, s.Voided)
	amount("refunded", p.Refunded, s.Refunded)
	amount("ledger_authorized", booked.Authorized, s.Authorized)
	amount("ledger_captured", booked.Captured, s.Captured)
	amount("ledger_voided", booked.Voided, s.Voided)
	amount("ledger_refunded", booked.Refunded, s.Refunded)
	return found
}

// missingHere is a payment that the provider has and we do not know. p is what we know of the order; nil: nothing.
func missingHere(p *payment.Payment, s provider.Standing) Difference {
	d := Difference{"missing_here", s.OrderID, "", s.Reference, s.Currency, "", sums(s.Authorized, s.Captured, s.Voided, s.Refunded)}
	if p != nil {
		d.PaymentID, d.Ours = p.ID, "reference "+p.ProviderReference
	}
	return d
}

// inDoubt is an authorisation of ours that is without an outcome for long, and that the provider has.
func inDoubt(p *payment.Payment, s provider.Standing) Difference {
	return Difference{"in_doubt", p.OrderID, p.ID, s.Reference, p.Currency, sums(0, 0, 0, 0), sums(s.Authorized, s.Captured, s.Voided, s.Refunded)}
}

// missingThere is a payment of ours that the provider does not know.
func missingThere(p *payment.Payment) Difference {
	return Difference{"missing_there", p.OrderID, p.ID, p.ProviderReference, p.Currency, sums(p.Authorized, p.Captured, p.Voided, p.Refunded), ""}
}

func sums(authorized, captured, voided, refunded int64) string {
	return "authorized " + number(authorized) + ", captured " + number(captured) + ", voided " + number(voided) + ", refunded " + number(refunded)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
