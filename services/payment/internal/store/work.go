package store

import (
	"context"
	"fmt"
	"time"

	"orderflow.example/kit/outbox"
	"orderflow.example/kit/sqldb"
	"orderflow.example/payment/internal/payment"
	"orderflow.example/schemas"
)

// Work is a unit of work in one transaction: payments are read once, changed in memory, and written together with their
// events and what these book in the ledger.
type Work struct {
	store    *Store
	tx       *sqldb.Tx
	payments map[string]*payment.Payment
	changed  []*payment.Payment // in the order of their first change
	isDirty  map[string]bool
	drafts   []outbox.Draft
	entries  []any // rows of the ledger
}

// Begin starts a unit of work. Nothing is written before Flush.
func (s *Store) Begin(tx *sqldb.Tx) *Work {
	return &Work{store: s, tx: tx, payments: map[string]*payment.Payment{}, isDirty: map[string]bool{}}
}

// Cause is what made an event happen: a message, or nothing for an answer of the provider.
type Cause struct {
	EventID     string
	TraceParent string
}

// Load reads the payments of these orders and locks them, in the order of their ids. An order that has none gets an
// empty one.
func (w *Work) Load(ctx context.Context, orderIDs ...string) error {
	var missing []string
	for _, id := range orderIDs {
		if w.payments[id] == nil {
			w.payments[id] = &payment.Payment{OrderID: id}
			missing = append(missing, id)
		}
	}
	found, err := sqldb.CollectIn(ctx, w.tx, scan, "SELECT "+columnList+" FROM payments WHERE order_id", missing, " ORDER BY order_id"+w.tx.ForUpdate())
	if err != nil {
		return fmt.Errorf("load payments: %w", err)
	}
	if err := readRefunds(ctx, w.tx, found); err != nil {
		return err
	}
	for _, l := range found {
		w.payments[l.OrderID] = l.Payment
	}
	return nil
}

// Payment is one that was loaded.
func (w *Work) Payment(orderID string) *payment.Payment { return w.payments[orderID] }

// Changed are the payments that Record was called for, in that order.
func (w *Work) Changed() []*payment.Payment { return w.changed }

// Now is the transaction's instant.
func (w *Work) Now() time.Time { return w.tx.Now() }

// Record takes note that the payment has changed, applies events to it, books them in the ledger, and queues them for
// the outbox, numbered. A change of what is wanted has no event.
func (w *Work) Record(p *payment.Payment, cause Cause, events ...payment.Event) error {
	for _, event := range events {
		id := outbox.NewID()
		if journal, ok := payment.Book(p, event); ok {
			w.book(p, id, journal)
		}
		if err := p.Apply(event); err != nil {
			return err
		}
		w.drafts = append(w.drafts, outbox.Draft{
			ID: id, Topic: schemas.PaymentEvents, Key: p.OrderID, Sequence: p.Version, Data: event, Time: w.tx.Now(),
			CausationID: cause.EventID, CorrelationID: p.OrderID, TraceParent: cause.TraceParent,
		})
	}
	if !w.isDirty[p.OrderID] {
		w.isDirty[p.OrderID] = true
		w.changed = append(w.changed, p)
	}
	return nil
}

func (w *Work) book(p *payment.Payment, journalID string, journal payment.Journal) {
	for _, entry := range journal.Entries {
		w.entries = append(w.entries, outbox.NewID(), journalID, p.ID, p.OrderID, journal.Operation,
			string(entry.Account), entry.Amount, journal.Currency, sqldb.Micros(w.tx.Now()))
	}
}

// Flush writes what changed. It is the last call on a unit of work.
func (w *Work) Flush(ctx context.Context) error {
	var rows, refunds []any
	for _, p := range w.changed {
		rows = append(rows, values(p)...)
		for _, r := range p.Refunds {
			refunds = append(refunds, refundValues(p.OrderID, r)...)
		}
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertPayment, len(columns), updatePayment, rows); err != nil {
		return fmt.Errorf("save payments: %w", err)
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertRefund, refundColumns, updateRefund, refunds); err != nil {
		return fmt.Errorf("save refunds: %w", err)
	}
	if _, err := sqldb.ExecRows(ctx, w.tx, insertEntry, entryColumns, "", w.entries); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	if err := w.store.outbox.Append(ctx, w.tx, w.drafts...); err != nil {
		return fmt.Errorf("append payment events: %w", err)
	}
	return nil
}
