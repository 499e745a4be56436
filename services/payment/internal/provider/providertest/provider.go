// Package providertest is a payment provider for tests, on a loopback port: it keeps its money in memory, honours
// idempotency keys, and fails as the test tells it to.
package providertest

import (
	"cmp"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Mode is how the provider treats one call.
type Mode string

// The modes. The zero Mode is a call that succeeds.
const (
	OK          Mode = ""
	Decline     Mode = "decline"     // 402, for good
	Unavailable Mode = "unavailable" // 503 with Retry-After: 2, no effect
	Broken      Mode = "broken"      // 500, no effect
	LoseAnswer  Mode = "lose answer" // takes effect, then the connection is cut
	Hang        Mode = "hang"        // no effect and no answer, until the client gives up
	Processing  Mode = "processing"  // as Hang, and look-ups say that it is being worked on
)

// Payment is what the provider holds.
type Payment struct {
	ID, Reference, Key, Status, Currency string
	Amount, Captured, Voided, Refunded   int64
	Refunds                              []Refund
}

// Refund is money that the provider paid back.
type Refund struct {
	ID, Key string
	Amount  int64
}

// Call is one call that moves money, as it arrived.
type Call struct{ Kind, Key, Reference string }

// Told is an operation that was decided, as a webhook tells of it.
type Told struct {
	Call
	PaymentID string // empty: an authorisation was declined
	Amount    int64
	Declined  bool
}

// Provider is the provider. Its fields may be changed between calls, under Lock.
type Provider struct {
	sync.Mutex
	URL string
	// Behave decides on each call that moves money; nil: all succeed.
	Behave func(Call) Mode
	// PageSize is how many payments a list has at most; 0: all.
	PageSize int
	// Forgetful makes it forget keys at once, as after 24 h.
	Forgetful bool

	Calls   []Call // that move money, in the order of their arrival
	Reads   int    // look-ups
	Told    []Told // what webhooks would tell, in the order in which it took effect
	answers map[string]stored
	working map[string]bool
	byID    map[string]*Payment
}

// stored is the answer to a key.
type stored struct {
	call      Call
	status    int
	body      any
	operation map[string]any
}

// Start runs a provider until the test ends.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{answers: map[string]stored{}, working: map[string]bool{}, byID: map[string]*Payment{}}
	server := httptest.NewServer(p.handler())
	t.Cleanup(func() {
		server.CloseClientConnections() // ends calls that hang
		server.Close()
	})
	p.URL = server.URL
	return p
}

// Payments are copies of all payments, by id.
func (p *Provider) Payments() []Payment {
	p.Lock()
	defer p.Unlock()
	all := make([]Payment, 0, len(p.byID))
	for _, one := range p.byID {
		copied := *one
		copied.Refunds = slices.Clone(one.Refunds)
		all = append(all, copied)
	}
	slices.SortFunc(all, func(a, b Payment) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Change changes a payment behind the client's back.
func (p *Provider) Change(id string, change func(*Payment)) {
	p.Lock()
	defer p.Unlock()
	change(p.byID[id])
}

// Add makes a payment that nobody asked for.
func (p *Provider) Add(made Payment) {
	p.Lock()
	defer p.Unlock()
	p.byID[made.ID] = &made
}

// Remove makes the provider know nothing of a payment.
func (p *Provider) Remove(id string) {
	p.Lock()
	defer p.Unlock()
	delete(p.byID, id)
}

// authorize, capture, void and refund return an HTTP status and a body; the caller holds the lock.
func (p *Provider) authorize(key, reference, currency string, amount int64) (int, any) {
	made := &Payment{
		ID: fmt.Sprintf("pay_%06d", len(p.byID)+1), Reference: reference, Key: key, Status: "authorized", Currency: currency, Amount: amount,
	}
	p.byID[made.ID] = made
	return 201, made.json()
}

func (p *Provider) capture(of *Payment, amount int64) (int, any) {
	switch {
	case of.Status != "authorized":
		return 409, refusal("invalid_state", "It is "+of.Status+".")
	case amount > of.Amount:
		return 409, refusal("amount_too_large", "Too much.")
	}
	of.Status, of.Captured, of.Voided = "captured", amount, of.Amount-amount
	return 200, of.json()
}

func (p *Provider) void(of *Payment) (int, any) {
	if of.Status != "authorized" {
		return 409, refusal("invalid_state", "It is "+of.Status+".")
	}
	of.Status, of.Voided = "voided", of.Amount
	return 200, of.json()
}

func (p *Provider) refund(of *Payment, key string, amount int64) (int, any) {
	switch {
	case of.Status != "captured":
		return 409, refusal("invalid_state", "It is "+of.Status+".")
	case amount > of.Captured-of.Refunded:
		return 409, refusal("amount_too_large", "Too much.")
	}
	made := Refund{ID: fmt.Sprintf("re_%s_%d", of.ID, len(of.Refunds)+1), Key: key, Amount: amount}
	of.Refunds = append(of.Refunds, made)
	of.Refunded += amount
	if of.Refunded == of.Captured {
		of.Status = "refunded"
	}
	return 201, made.json()
}

func (of *Payment) json() map[string]any {
	refunds := make([]any, 0, len(of.Refunds))
	for _, r := range of.Refunds {
		refunds = append(refunds, r.json())
	}
	return map[string]any{
		"id": of.ID, "reference": of.Reference, "idempotency_key": of.Key, "status": of.Status, "currency": of.Currency,
		"amount": of.Amount, "amount_captured": of.Captured, "amount_voided": of.Voided, "amount_refunded": of.Refunded, "refunds": refunds,
	}
}

func (r Refund) json() map[string]any {
	return map[string]any{"id": r.ID, "idempotency_key": r.Key, "amount": r.Amount, "status": "succeeded"}
}

func refusal(code, message string) map[string]any {
	return map[string]any{"error": map[string]any{"code": code, "message": message}}
}
