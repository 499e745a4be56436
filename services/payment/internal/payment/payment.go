// Package payment is the domain: what a payment is, which provider operation brings it closer to where it is wanted,
// and what each outcome means. It knows no SQL, Kafka, HTTP or protobuf. Decisions take the state, what happened and
// the time, and return events; Apply folds events into the state.
package payment

import "time"

// Event is one of this service's own facts, a pointer to a struct of schemas/paymentv1.
type Event interface{ RecordName() string }

// Payment is the payment of one order. Money is in minor units of Currency; times are UTC in whole microseconds, zero
// while not reached.
//
// Facts, and the settled refunds, are the fold of the payment's own events. Everything else is process: what the order
// service asked for and how far the work on it is. No own event tells of that, so a replay leaves it out.
type Payment struct {
	OrderID  string
	ID       string
	UserID   string
	Amount   int64 // of the order, to be authorised
	Currency string
	Token    string // of the means of payment; forgotten once the provider has decided on the authorisation

	Facts
	Wish
	Work
	Refunds []Refund // oldest first

	CreatedAt time.Time
	UpdatedAt time.Time
}

// Facts are what is known to have happened at the provider.
type Facts struct {
	Version           int64 // number of own events folded so far: the sequence of the last one
	Status            Status
	Authorized        int64 // held at first, whether captured or voided since
	Captured          int64
	Voided            int64 // let go without being captured
	Refunded          int64
	Provider          string
	ProviderReference string // the provider's id of the payment
	FailureCode       string // of a refused authorisation or capture
	FailureReason     string
	AuthorizedAt      time.Time
	CapturedAt        time.Time
}

// Wish is where the order service wants the payment to be.
type Wish struct {
	Desired       Status // Authorized, Captured or Voided; None as long as nothing was asked for
	CaptureAmount int64  // how much to capture; what is left of the authorised amount is let go
	AskedBy       string // id of the last event that asked for anything
	TraceParent   string // W3C, of that event
}

// Work is how far the provider operation under way is.
type Work struct {
	// InDoubt is set while an operation may have reached the provider and its outcome is unknown.
	InDoubt bool
	// Tries counts the calls in a row that gave no definite outcome.
	Tries int
	// BlockedCode is why the provider will never release the hold; a person has to see to it.
	BlockedCode   string
	BlockedReason string
	// Again is how often a person had a refused return of a cancelled order's money asked for again: each time is an
	// operation of its own, with its own key.
	Again int
	// Reasking is set from then until the provider has answered.
	Reasking bool
}

// Held is what the provider holds and has neither captured nor let go.
func (f Facts) Held() int64 { return f.Authorized - f.Captured - f.Voided }

// Kept is what was captured and not paid back.
func (f Facts) Kept() int64 { return f.Captured - f.Refunded }

// Settled tells whether nothing is left to be done: no operation is due, and the provider refuses nothing that only a
// person can see to, be it to release a hold or to pay a cancelled order's money back.
func (p *Payment) Settled() bool {
	_, more := p.Next()
	return !more && p.BlockedCode == "" && (p.Desired != Voided || p.Kept() == 0)
}
