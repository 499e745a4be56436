package store

import (
	"orderflow.example/order/internal/order"
)

// Change names an order that a transaction wrote, and whose it is.
type Change struct{ OrderID, UserID string }

// OnChange has fn called after each transaction that wrote orders, before its caller goes on: certain, or not when nobody can tell whether it
// was committed. It is called before the first unit of work begins.
func (s *Store) OnChange(fn func(changes []Change, certain bool)) { s.changed = fn }

// announce prepares the call for what is about to be saved.
func (w *Work) announce() {
	if w.store.changed == nil || len(w.dirty) == 0 {
		return
	}
	changes := changesOf(w.dirty)
	w.tx.OnCommit(func() { w.store.changed(changes, true) })
	w.tx.OnUnknown(func() { w.store.changed(changes, false) })
}

func changesOf(orders []*order.Order) []Change {
	changes := make([]Change, len(orders))
	for i, o := range orders {
		changes[i] = Change{OrderID: o.ID, UserID: o.UserID}
	}
	return changes
}
