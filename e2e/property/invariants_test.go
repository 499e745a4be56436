package property

import (
	"encoding/json"
	"net/http"
	"net/url"

	"orderflow.example/dev/check"
	"orderflow.example/dev/simulator"
	payment "orderflow.example/payment/app"
)

// mustHold verifies, at rest, every service's own invariants (the fold of each event log equals its row, sequences
// have no gap, nothing is parked), those across the services, and that the world outside saw the same.
func (w *world) mustHold() {
	w.Helper()
	results, err := check.All(w.ctx, w.services)
	if err != nil {
		w.Fatalf("checks: %v", err)
	}
	for _, result := range results {
		for _, violation := range result.Violations {
			w.Errorf("%s: %s", result.Name, violation)
		}
	}
	w.bankAgrees()
	w.webhooksHold()
}

// bankAgrees: the provider holds, took and paid back what the payment service says, once.
func (w *world) bankAgrees() {
	w.Helper()
	facts, err := payment.PaymentFacts(w.ctx, w.services["payment"].DB)
	if err != nil {
		w.Fatalf("payments: %v", err)
	}
	known := map[string]payment.PaymentFact{}
	for _, fact := range facts {
		known[fact.OrderID] = fact
	}
	for _, o := range w.placed {
		var authorized, captured, voided, refunded int64
		at := w.atBank(o)
		for _, p := range at {
			authorized, captured, voided, refunded = authorized+p.Amount, captured+p.AmountCaptured, voided+p.AmountVoided, refunded+p.AmountRefunded
		}
		p := known[o.id]
		if len(at) > 1 || authorized != p.Authorized || captured != p.Captured || voided != p.Voided || refunded != p.Refunded {
			w.Errorf("order %s (%s): the provider has %d payments: authorised %d, captured %d, voided %d, refunded %d; the payment service says %+v",
				o.id, o.token, len(at), authorized, captured, voided, refunded, p)
		}
	}
}

func (w *world) atBank(o placed) []simulator.Payment {
	w.Helper()
	answer, err := http.Get(simulatorURL + "/v1/payments?reference=" + url.QueryEscape(o.id))
	if err != nil {
		w.Fatalf("ask the provider: %v", err)
	}
	defer answer.Body.Close()
	var body struct {
		Payments []simulator.Payment `json:"payments"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || answer.StatusCode != http.StatusOK {
		w.Fatalf("ask the provider: %s, %v", answer.Status, err)
	}
	return body.Payments
}

// webhooksHold: the receiver got each delivery, once.
func (w *world) webhooksHold() {
	w.Helper()
	accepted, refused := w.receiver.counts()
	rows, err := w.services["notifier"].DB.QueryContext(w.ctx, `SELECT id, status FROM deliveries`)
	if err != nil {
		w.Fatalf("deliveries: %v", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, status string
		if err := rows.Scan(&id, &status); err != nil {
			w.Fatalf("deliveries: %v", err)
		}
		if status != "SENT" || accepted[id] != 1 {
			w.Errorf("delivery %s is %s and was accepted %d times", id, status, accepted[id])
		}
		w.seen.note(webhookRetried, refused[id] > 0)
		delete(accepted, id)
	}
	if err := rows.Err(); err != nil {
		w.Fatalf("deliveries: %v", err)
	}
	for id, n := range accepted {
		w.Errorf("webhook %s was accepted %d times and is no delivery", id, n)
	}
}
