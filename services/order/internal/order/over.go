package order

import (
	"orderflow.example/schemas/inventoryv1"
	"orderflow.example/schemas/paymentv1"
)

// lastWords of inventory and payment about a cancelled order: each is asked to give back what it has, and says one of
// these when it has nothing (any more).
var (
	stockIsBack = names(
		(*inventoryv1.StockRejected)(nil), (*inventoryv1.StockCommitFailed)(nil),
		(*inventoryv1.StockReleased)(nil), (*inventoryv1.StockReturned)(nil),
	)
	moneyIsBack = names(
		(*paymentv1.PaymentDeclined)(nil), (*paymentv1.PaymentVoided)(nil), (*paymentv1.PaymentRefunded)(nil),
	)
)

func names(events ...Event) map[string]bool {
	all := make(map[string]bool, len(events))
	for _, e := range events {
		all[e.RecordName()] = true
	}
	return all
}

// Over tells whether nothing can happen to the order any more, in any service. lastOfStock and lastOfPayment are the
// types of the last events that inventory and payment said about it, empty for none.
func Over(o *Order, lastOfStock, lastOfPayment string) bool {
	if !o.Status.Final() || o.Step != "" {
		return false
	}
	return o.Status != Cancelled || (stockIsBack[lastOfStock] && moneyIsBack[lastOfPayment])
}
